#!/usr/bin/env bash
# Check the types of the playground's sources, and build its script from them and
# from the client's into the file that is named: what is committed as
# page/playground.js, and what the test compares with it. Not minified, so that a
# change of it can be read.
set -euo pipefail
out=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
tools=client/node_modules/.bin
scripts/npm-ci client >&2
"$tools/tsc" -p internal/playground >&2
"$tools/esbuild" internal/playground/src/main.ts --bundle --format=iife --target=es2020 --charset=utf8 \
  --legal-comments=none --tsconfig=internal/playground/tsconfig.json --log-level=warning \
  --banner:js='// Built from internal/playground/src and client/src by internal/playground/build.sh; do not edit.' --outfile="$out"
