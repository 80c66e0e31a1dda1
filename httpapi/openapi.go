package httpapi

import _ "embed"

// OpenAPI is the document that states everything this package answers, in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
