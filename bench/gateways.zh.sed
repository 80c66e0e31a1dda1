# The table of gateways.sh in Chinese, for docs/zh/gateways.md.
s/^| through | requests\/s | beside nginx's plain proxy_pass | lowest to highest round |$/| 经过 | 每秒请求数 | 相对于 nginx 单纯转发（proxy_pass） | 各轮最低到最高 |/
s/^| the upstream itself |/| 直接访问上游 |/
s/^| nginx, plain proxy_pass |/| nginx，单纯转发（proxy_pass） |/
s/^| nginx, auth_request |/| nginx，auth_request |/
s/^| HAProxy, plain |/| HAProxy，单纯转发 |/
s/^| HAProxy, jwt_verify and the feed |/| HAProxy，jwt_verify 加吊销列表 |/
s/^| Caddy, plain |/| Caddy，单纯转发 |/
s/^| Caddy, forward_auth |/| Caddy，forward_auth |/
s/^| wugan inside, public path, no token |/| wugan 内置，公开路径，不带令牌 |/
s/^| wugan inside, checked |/| wugan 内置，校验 |/
s/^| wugan inside, checked, no request log |/| wugan 内置，校验，不写请求日志 |/
s/^\([0-9]*\) cores (\(.*\)), \([0-9]*\) connections, median of \([0-9]*\) rounds of \([0-9]*\) s; load average before the first round \([0-9.]*\), of which none is the benchmark's\.$/\1 核（\2），\3 个连接，\4 轮、每轮 \5 秒，取中位数；第一轮开始前的负载为 \6，与压测无关。/
