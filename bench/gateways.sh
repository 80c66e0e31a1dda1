#!/usr/bin/env bash
# Measure requests a second through each gateway that can be had here, with and
# without the check of access tokens, all in one run on one machine.
#
#   bench/gateways.sh [ROUNDS [SECONDS]]      5 rounds of 4 seconds by default
#
# It prints a Markdown table, and puts it into docs/en/gateways.md and, in Chinese, docs/zh/gateways.md: the median of the
# rounds, and its ratio to nginx's plain proxy_pass in the same run. The rounds go through the cases in turn, so
# that a noisy minute hits all of them. Load generator, gateway, wugan and
# upstream share the machine, as the ratios must be read.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
seconds=${2:-4}
connections=32
load=$(cut -d' ' -f1 /proc/loadavg)
port=18000 # and the ten after it

scripts/need nginx=nginx-light haproxy wrk curl >&2
scripts/tools caddy >&2
PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf -- "$dir"
}
trap stop EXIT
chmod 755 "$dir" # nginx' workers are another user

start() { # NAME COMMAND... in the background, its output kept in a file
  local name=$1
  shift
  "$@" >"$dir/$name.log" 2>&1 &
  pids+=($!)
}

ready() { # URL
  for _ in {1..200}; do
    if curl -s -o "$dir/null" "$1"; then return; fi
    sleep 0.05
  done
  echo "bench/gateways.sh: $1 does not answer" >&2
  tail -n 5 "$dir"/*.log >&2
  exit 1
}

address() { echo "127.0.0.1:$((port + $1))"; }
upstream=$(address 0) wugan=$(address 1)

# The upstream answers at once, so that the gateway is what is measured.
mkdir "$dir/upstream"
cat >"$dir/upstream/nginx.conf" <<CONF
daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000;
  server { listen $upstream; location / { default_type text/plain; return 200 "hello, this is the business service\n"; } } }
CONF
start upstream nginx -p "$dir/upstream" -c "$dir/upstream/nginx.conf"

go build -o "$dir/wugan" ./cmd/wugan
"$dir/wugan" keys new "$dir/access.jwks" >&2
export WUGAN_GATEWAY_KEY=gateway-key-of-the-benchmark-0123456789
export WUGAN_ISSUER=http://$wugan WUGAN_ACCESS_KEYS=$dir/access.jwks
export WUGAN_UPSTREAMS=/shop/=http://$upstream,/open/=http://$upstream WUGAN_PUBLIC_PATHS=/open/ WUGAN_LOG_FORMAT=json
start wugan "$dir/wugan" dev --addr "$wugan" --data "$dir/data"
quiet=$(address 2)
WUGAN_LOG_LEVEL=error start quiet "$dir/wugan" dev --addr "$quiet" --data "$dir/quiet"
ready "http://$wugan/readyz"
ready "http://$quiet/readyz"
export WUGAN_URL=http://$wugan # of HAProxy's script; wugan has no such setting

# A hundred users: no cache of one token flatters anybody.
mkdir "$dir/tokens"
for i in {1..100}; do
  curl -s "http://$wugan/api/v1/auth/login" -H 'Content-Type: application/json' -d "{\"code\":\"dev:user$i\"}" |
    sed 's/.*"accessToken":"\([^"]*\)".*/\1/'
done >"$dir/tokens/all"
cat >"$dir/tokens.lua" <<LUA
local tokens, at = {}, 0
for line in io.lines("$dir/tokens/all") do tokens[#tokens + 1] = { ["Authorization"] = "Bearer " .. line } end
request = function()
  at = at % #tokens + 1
  return wrk.format("GET", nil, tokens[at])
end
LUA

# The configurations of examples/gateways, and each of them without the check.
configure() { # EXAMPLE FILE FOLDER NUMBER
  mkdir "$dir/$3"
  cp "examples/gateways/$1"/* "$dir/$3/"
  sed -i "s/127.0.0.1:8080/$wugan/g; s/127.0.0.1:9000/$upstream/g; s/127.0.0.1:8000/$(address "$4")/g; s#https://auth.example.com#http://$wugan#g" "$dir/$3/$2"
}
configure nginx nginx.conf nginx 3
configure nginx nginx.conf nginx-plain 4
sed -i '/auth_request/d; /proxy_set_header X-[A-Z].* .wugan_/d' "$dir/nginx-plain/nginx.conf"
for name in nginx nginx-plain; do
  sed -i 's/http {/http { keepalive_requests 100000000;/' "$dir/$name/nginx.conf"
  start "$name" nginx -p "$dir/$name" -c "$dir/$name/nginx.conf"
done

configure haproxy haproxy.cfg haproxy 5
configure haproxy haproxy.cfg haproxy-plain 6
"$dir/wugan" keys pem "$dir/access.jwks" >"$dir/haproxy/access.pem"
sed -i '/http-request/d; /acl /d; /lua-load/d; /use_backend/d' "$dir/haproxy-plain/haproxy.cfg"
start haproxy haproxy -f "$dir/haproxy/haproxy.cfg"
start haproxy-plain haproxy -f "$dir/haproxy-plain/haproxy.cfg"

configure caddy Caddyfile caddy 7
configure caddy Caddyfile caddy-plain 8
sed -i '/^\t*forward_auth /,/}/d; /request_header/d' "$dir/caddy-plain/Caddyfile"
export XDG_DATA_HOME=$dir/caddy-data XDG_CONFIG_HOME=$dir/caddy-config
for name in caddy:7 caddy-plain:8; do
  sed -i "s/^:8000 {/:$((port + ${name#*:})) {/" "$dir/${name%:*}/Caddyfile"
  start "${name%:*}" .tools/bin/caddy run --adapter caddyfile --config "$dir/${name%:*}/Caddyfile"
done

names=(
  "the upstream itself" "nginx, plain proxy_pass" "nginx, auth_request"
  "HAProxy, plain" "HAProxy, jwt_verify and the feed" "Caddy, plain" "Caddy, forward_auth"
  "wugan inside, public path, no token" "wugan inside, checked" "wugan inside, checked, no request log"
)
urls=(
  "http://$upstream/shop/x" "http://$(address 4)/shop/x" "http://$(address 3)/shop/x"
  "http://$(address 6)/shop/x" "http://$(address 5)/shop/x" "http://$(address 8)/shop/x" "http://$(address 7)/shop/x"
  "http://$wugan/open/x" "http://$wugan/shop/x" "http://$quiet/shop/x"
)
token=$(head -n 1 "$dir/tokens/all")
for i in "${!urls[@]}"; do
  ready "${urls[i]}"
  status=$(curl -s -o "$dir/null" -w '%{http_code}' -H "Authorization: Bearer $token" "${urls[i]}")
  # A gateway that refuses is fast; it must not win.
  [[ $status == 200 ]] || { echo "bench/gateways.sh: ${names[i]} answers $status" >&2; exit 1; }
done

for ((round = 1; round <= rounds; round++)); do
  for i in "${!urls[@]}"; do
    script=(-s "$dir/tokens.lua")
    # On a public path a token is optional, and looked at when it comes.
    if [[ ${urls[i]} == */open/* ]]; then script=(); fi
    out=$(wrk -t1 -c"$connections" -d"${seconds}s" "${script[@]}" "${urls[i]}")
    if grep -q 'Non-2xx' <<<"$out"; then
      echo "bench/gateways.sh: ${names[i]} refused requests" >&2
      exit 1
    fi
    awk '/Requests\/sec/ { print $2 }' <<<"$out" >>"$dir/rate.$i"
  done
  echo "round $round of $rounds" >&2
done

median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
base=$(median "$dir/rate.1")
{
  echo "| through | requests/s | beside nginx's plain proxy_pass | lowest to highest round |"
  echo "|---|---:|---:|---|"
  for i in "${!names[@]}"; do
    awk -v name="${names[i]}" -v rate="$(median "$dir/rate.$i")" -v base="$base" \
      -v low="$(sort -n "$dir/rate.$i" | head -n 1)" -v high="$(sort -n "$dir/rate.$i" | tail -n 1)" \
      'BEGIN { printf "| %s | %d | %.2f | %d–%d |\n", name, rate, rate / base, low, high }'
  done
  echo
  echo "$(nproc) cores ($(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)), $connections connections, median of $rounds rounds of $seconds s; load average before the first round $load, of which none is the benchmark's."
} | tee "$dir/table"

sed -f bench/gateways.zh.sed "$dir/table" >"$dir/table.zh"
if grep -q '^| [a-z]* [a-z]* |\| plain \|inside\|cores' "$dir/table.zh"; then
  echo "bench/gateways.sh: bench/gateways.zh.sed lacks a row" >&2
  exit 1
fi
put() { # TABLE PAGE
  awk -v table="$1" '
    /^<!-- bench\/gateways.sh -->$/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
    /^<!-- end -->$/ { skip = 0 }
    !skip
  ' "$2" >"$dir/page"
  cp "$dir/page" "$2"
}
put "$dir/table" docs/en/gateways.md
put "$dir/table.zh" docs/zh/gateways.md
