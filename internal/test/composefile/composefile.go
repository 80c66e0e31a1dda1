// Package composefile parses docker-compose.yml for the tests that check it and for
// the end-to-end test that starts its services without a Docker engine. It supports
// only the keys that this file uses and returns an error for any other, such as a
// mistyped one.
package composefile

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// File is a compose file.
type File struct {
	Name     string
	Services map[string]Service
	Volumes  map[string]any
	// Extensions holds the top-level x-… entries, which YAML anchors live in.
	Extensions map[string]any `yaml:",inline"`
}

// Service is one service of a [File], anchors and merges resolved.
type Service struct {
	Image       string
	Build       *Build
	Restart     string
	User        string
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	Volumes     []string
	Ports       []string
	DependsOn   map[string]Dependency `yaml:"depends_on"`
	Healthcheck *Healthcheck
	NetworkMode string   `yaml:"network_mode"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
}

// Build says which target of the Dockerfile makes the image.
type Build struct {
	Context string
	Target  string
	Args    []string // names, whose values come from the environment
}

// Dependency is what a service waits for.
type Dependency struct{ Condition string }

// Healthcheck is a service's own check, in place of its image's.
type Healthcheck struct {
	Test     []string
	Interval string
	Timeout  string
	Retries  int
	Disable  bool
}

// Load reads a compose file.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var f File
	if err := decoder.Decode(&f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name := range f.Extensions {
		if len(name) < 2 || name[:2] != "x-" {
			return nil, fmt.Errorf("%s: unknown entry %q", path, name)
		}
	}
	return &f, nil
}
