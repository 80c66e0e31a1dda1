// Package interop tests that third-party libraries accept wugan's tokens and key
// set, and that auth/verify responds like the service. It has no code besides tests,
// so that the libraries do not become dependencies of the service.
package interop
