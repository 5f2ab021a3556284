package lambda

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// fromS3 tells an error of S3 in Lambda's words; what is no error of S3's is our own trouble.
func fromS3(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("fetch the code of a function: %w", err)
	}
	return invalid(fmt.Sprintf("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", api.ErrorCode(), api.ErrorMessage()))
}
