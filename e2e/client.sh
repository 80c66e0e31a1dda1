#!/usr/bin/env bash
# The client's own suite against the real service, with tokens of seconds.
# WUGAN_BIN is the built binary.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need node=nodejs npm
make client/node_modules/.package-lock.json
cd client
npm run test:live
