// Package e2e owns the long runs, in which the built program meets what it will
// meet in production: container images, gateways, browsers. It refuses to own
// anything that a unit or integration test can show in seconds.
//
// `make e2e` builds bin/wugan, names it in WUGAN_BIN, and runs the tests of this
// folder, which carry the build tag e2e, and then the scripts e2e/*.sh. What a
// test needs beyond Go it installs by scripts/need, or fails.
package e2e
