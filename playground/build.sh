#!/usr/bin/env bash
# Build the playground's script from src and the client's sources into the file
# that is named: what is committed as page/playground.js, and what the test
# compares with it. Not minified, so that a change of it can be read.
set -euo pipefail
out=$(realpath -m "$1")
cd "$(dirname "$0")/.."
[[ -x client/node_modules/.bin/esbuild ]] || make client/node_modules/.package-lock.json >&2
client/node_modules/.bin/esbuild playground/src/main.ts --bundle --format=iife --target=es2020 --charset=utf8 \
  --legal-comments=none --tsconfig=playground/tsconfig.json --log-level=warning \
  --banner:js='// Built from playground/src and client/src by playground/build.sh; do not edit.' --outfile="$out"
