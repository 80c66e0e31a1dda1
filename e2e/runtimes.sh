#!/usr/bin/env bash
# The client's examples in real runtimes: uni-app and Taro as web pages in Chromium, the uni-app and the plain one as
# mini programs on both of WeChat's own frameworks, the uni-app's builds for Alipay, Douyin, QQ and Baidu on one of them
# with these platforms' functions, and the browser example. It installs what they need by npm, from
# the committed lock files, and Chromium by apt; builds; runs; and says how many promises held. A part that is missing
# is a failure.
#
# WUGAN_BIN names the built service; `make e2e` sets it. PICTURES names a folder for screenshots.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
: "${WUGAN_BIN:?names the built service; make e2e sets it}"
export WUGAN_BIN npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false

made=$(mktemp -d)
trap 'rm -rf -- "$made"' EXIT

begin=$SECONDS
step() {
  local name=$1 start=$SECONDS
  shift
  "$@" >"$made/log" 2>&1 || {
    local status=$?
    cat "$made/log"
    echo "e2e/runtimes.sh: $name failed with status $status" >&2
    exit "$status"
  }
  printf '%4ds  %s\n' $((SECONDS - start)) "$name"
}

step 'programs' scripts/need /usr/bin/chromium=chromium node=nodejs npm
step 'shop' go build -o "$made/shop" ./examples/shop
export SHOP_BIN=$made/shop

for folder in client examples/uniapp examples/taro e2e/runtimes; do
  step "npm ci in $folder" scripts/npm-ci "$folder" --ignore-scripts
done

step 'client' npm --prefix client run build
step 'uni-app: types' npm --prefix examples/uniapp exec -- tsc -p examples/uniapp
step 'uni-app: H5' npm --prefix examples/uniapp run build:h5
for platform in mp-weixin mp-alipay mp-toutiao mp-qq mp-baidu; do
  step "uni-app: $platform" npm --prefix examples/uniapp run "build:$platform"
done
step 'Taro: H5' npm --prefix examples/taro run build:h5

# What stands in for Alipay, Douyin and Baidu fits their own typings.
step 'the platforms by their typings' client/node_modules/.bin/tsc -p e2e/runtimes

# The browser example asks a person for a login, and so keeps promises of its own: the client has their tests.
step 'browser example and host' npm --prefix client run test:browser

# Each file of tests is a runtime; all of them are to be there and to have promised something.
cd "$root/e2e/runtimes"
runtimes=(uniapp-h5 uniapp-h5-login uniapp-glass-easel uniapp-simulate uniapp-alipay uniapp-toutiao uniapp-qq uniapp-baidu native-glass-easel native-simulate taro-h5)
start=$SECONDS status=0
node --test --test-concurrency=2 --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$made/tap" "${runtimes[@]/%/.test.mjs}" || status=$?
printf '%4ds  %d runtimes\n' $((SECONDS - start)) "${#runtimes[@]}"

count() { sed -n "s/^# $1 //p" "$made/tap"; }
suites=$(count suites) passed=$(count pass) tests=$(count tests)
printf 'e2e/runtimes.sh: %d of %d promises held in %d runtimes, in %d s\n' "$passed" "$tests" "$suites" $((SECONDS - begin))
((status == 0 && suites == ${#runtimes[@]} && tests > 0 && passed == tests))
