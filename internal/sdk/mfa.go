package sdk

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// mfaNeeded is the code of the error that says that nobody can be asked for a code.
const mfaNeeded = "access.mfa"

// askCode asks for the code of an MFA device, on the terminal. What is asked goes to stderr: stdout
// is for data.
func askCode() (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", noCode()
	}
	fmt.Fprint(os.Stderr, "Code of the MFA device: ")
	var code string
	_, err := fmt.Fscanln(os.Stdin, &code)
	return code, err
}

func noCode() error {
	return fail.New(mfaNeeded, "run it on a terminal, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to those of a session that has the code (`aws sts assume-role --token-code`)",
		"the profile's role wants a code of an MFA device, and nobody can be asked for it here")
}
