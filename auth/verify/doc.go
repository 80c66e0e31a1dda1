// Package verify verifies wugan's access tokens. Business services that trust
// wugan import it, and wugan itself uses it.
//
// A [Verifier], made by [New], checks tokens with the keys of a [KeySource] such
// as [JWKS]. [Verifier.Middleware] protects a net/http handler. [Feed] reads which
// sessions were revoked.
//
// The package parses one compact JWS strictly and applies RFC 8725 and RFC 9068.
// It keeps a bounded cache of verified tokens. It does not issue tokens, has no
// storage and depends on no web framework. Its dependencies are the standard
// library, golang-jwt for the signature algorithms, and a JWK library; a test
// enforces this.
//
// The parser of golang-jwt is not used, because it accepts unknown critical
// headers, any type, line breaks in base64, claim names in any case, duplicate
// members and times written as strings.
//
// All functions and types of this package are safe for concurrent use.
package verify
