// Package roundtrip drives operations of the SDK's real clients against a gateway, with random
// inputs and outputs and deep comparison both ways. It is for tests only: it looks methods up by
// reflection, which the product never does.
package roundtrip
