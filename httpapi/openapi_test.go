package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The document tells every code with its meaning and its status, and no other.
func TestTheDocumentHasEveryCodeWithItsStatus(t *testing.T) {
	var document struct {
		Components struct {
			Schemas struct {
				Problem struct {
					Properties struct {
						Code struct {
							Meanings map[string]string `yaml:"x-enumDescriptions"`
							Statuses map[string]int    `yaml:"x-statuses"`
						} `yaml:"code"`
					} `yaml:"properties"`
				} `yaml:"Problem"`
			} `yaml:"schemas"`
		} `yaml:"components"`
	}
	require.NoError(t, yaml.Unmarshal(OpenAPI, &document))
	want := map[string]int{}
	for _, kind := range kinds {
		want[kind.code] = kind.status
	}
	code := document.Components.Schemas.Problem.Properties.Code
	require.Equal(t, want, code.Statuses)
	for c := range want {
		require.NotEmpty(t, code.Meanings[c], c)
	}
	require.Len(t, code.Meanings, len(want))
}
