#!/usr/bin/env bash
# Check the types of the sources and build one of the two pages into a folder:
#
#   build.sh console DIR    the page for support and operators, httpapi/console/page
#   build.sh apidocs DIR    the page of the HTTP API, httpapi/docs/page
#
# What is built is committed, and a test beside it compares the two.
set -euo pipefail
usage='usage: build.sh console|apidocs DIR'
page=${1:?$usage}
out=$(realpath -m "${2:?$usage}")
cd "$(dirname "$0")"
case $page in
console) config=vite.config.ts ;;
apidocs) config=vite.apidocs.config.ts ;;
*)
  echo "$usage" >&2
  exit 2
  ;;
esac
../scripts/npm-ci console >&2
node_modules/.bin/tsc -p . >&2
OUT=$out node_modules/.bin/vite build --config "$config" --logLevel warn >&2
