// Package e2e runs the built binary the way a team would: `slipway deploy` against a real
// `slipway local`, over the wire, judged by exit codes, output and what serves in the end.
//
// SLIPWAY_BIN names a binary to test in place of the one built from this tree. Read
// deploy_test.go first.
package e2e
