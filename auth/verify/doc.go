// Package verify checks wugan's tokens, for the service itself and for every
// business service that trusts it.
//
// It owns: strict parsing of one compact JWS, the rules of RFC 8725 and
// RFC 9068, key sources (fixed keys and a JWK Set address), a bounded cache of
// tokens that were found good, the reader of the revocation feed, and a
// net/http middleware that answers in the service's own form.
//
// It refuses to own: issuing tokens, sessions and their rotation, storage, and
// any web framework. It depends on the standard library, on golang-jwt for the
// signature algorithms, and on a JWK library; a test holds it to that.
//
// Signatures are checked by golang-jwt. Its parser is not used: it accepts
// unknown critical headers, any type, line breaks in base64, claim names in any
// case, duplicate members and times written as strings. Everything in this
// package is safe for use by many goroutines at once.
package verify
