// A module of its own, so that a service that imports it takes over none of the
// requirements of the service that signs the tokens. testify is for tests alone,
// at the oldest version that they compile with.
module github.com/wugan/wugan/auth/verify

go 1.25.0

require (
	github.com/MicahParks/jwkset v0.11.4
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/stretchr/testify v1.8.1
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	golang.org/x/time v0.9.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
