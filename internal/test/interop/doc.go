// Package interop holds tests that other people's libraries accept our tokens and
// our key set, and that auth/verify answers as the service does. It has no code of
// its own: the libraries must not become dependencies of anything that ships.
package interop
