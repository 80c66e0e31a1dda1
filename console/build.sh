#!/usr/bin/env bash
# Check the types of the console's sources and build its files into the folder
# that is named: what is committed as httpapi/console/page, and what the test
# compares with it.
set -euo pipefail
out=$(realpath -m "$1")
cd "$(dirname "$0")"
# npm writes this file last: without it an install has not been finished.
[[ -e node_modules/.package-lock.json ]] || make -C .. console/node_modules/.package-lock.json >&2
node_modules/.bin/tsc -p . >&2
CONSOLE_OUT=$out node_modules/.bin/vite build --logLevel warn >&2
