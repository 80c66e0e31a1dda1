// Package e2e contains the long tests of the built program in an environment like
// production: container images, gateways, browsers. What a unit or integration
// test can show in seconds does not belong here.
//
// `make e2e` builds bin/wugan, sets WUGAN_BIN to its path, and runs the tests of
// this folder, which have the build tag e2e, and then the scripts e2e/*.sh. A test
// installs the programs that it needs with scripts/need, or fails.
package e2e
