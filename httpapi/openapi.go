package httpapi

import _ "embed"

// OpenAPI is the OpenAPI document of this package's API, in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
