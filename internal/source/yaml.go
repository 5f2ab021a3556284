package source

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// YAML writes JSON as YAML, members in their order.
func YAML(text []byte) ([]byte, error) {
	out, err := yaml.JSONToYAML(text)
	if err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out, nil
}
