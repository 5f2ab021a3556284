// Package conformance drives a local cloud the way its users do: with the AWS CLI and boto3,
// over the wire, from scripts that know nothing of what is behind it.
//
// Each script of testdata is a test with a cloud of its own: NAME.py is run by python3 with
// boto3, NAME.sh by bash with the AWS CLI. A script asserts what it sees (counts, states, events,
// health, traffic) and ends with a status: 0 passed, 77 skipped for a reason it prints, anything
// else failed. Its head may have lines that say what it needs:
//
//	# speed: 40           how many times faster AWS's waits pass; 30 where nothing is said
//	# patience: 900       after how many seconds it is ended; 600 where nothing is said
//
// lib.py and lib.sh have what scripts share; read lib.py first. To add a test, add a script.
//
// testdata/terraform is a set-up that Terraform applies, changes and destroys; its provider comes
// from the filesystem mirror that SLIPWAY_TERRAFORM_MIRROR names, never from a registry.
//
// A tool that is missing skips its scripts, unless SLIPWAY_REQUIRE lists it ("aws,boto3"): then
// they fail. SLIPWAY_BIN names a binary to test in place of the one built from this tree.
package conformance
