#!/usr/bin/env bash
# The client against the real service, with tokens of seconds, and in a real
# browser. WUGAN_BIN is the built binary.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need node=nodejs npm /usr/bin/chromium=chromium
make client/node_modules/.package-lock.json
cd client
npm run test:live
npm run test:browser
