package main

import "strings"

// inChinese translates what markdown and svg write, for docs/zh. A figure stays as
// it is.
var inChinese = strings.NewReplacer(
	// The machine.
	"Machine: ", "机器：", " cores (", " 核（", "), ", "），",
	"; PostgreSQL, the service, the clients and the mock server of WeChat share them. Access tokens in ", "；由 PostgreSQL、服务、客户端和微信的模拟服务共用。访问令牌 ",
	", log level ", "，日志级别 ", ".\n\n", "。\n\n", "unknown processor", "未知处理器",
	// Rates.
	"| clients | pgbench before, after | refresh | of pgbench | login, known user | of pgbench | verify | healthz | verify of healthz |",
	"| 客户端数 | pgbench 之前、之后 | 刷新 | 与 pgbench 之比 | 登录，已有用户 | 与 pgbench 之比 | verify | healthz | verify 与 healthz 之比 |",
	// Costs.
	"| clients | refresh p50, p99 | login p50, p99 | commits a refresh, login, verify | processor time of the service a refresh, login, verify | bytes it allocates | processor time of the clients |",
	"| 客户端数 | 刷新 p50、p99 | 登录 p50、p99 | 每次刷新、登录、verify 的提交数 | 服务每次刷新、登录、verify 的处理器时间 | 服务分配的字节数 | 客户端的处理器时间 |",
	// Variants.
	"| refreshes with | clients | a second | of pgbench | processor time of the service | bytes it allocates |",
	"| 刷新，使用 | 客户端数 | 每秒 | 与 pgbench 之比 | 服务的处理器时间 | 服务分配的字节数 |",
	"| access tokens in ", "| 访问令牌 ",
	// Goals.
	"| | set out for | this run |", "| | 目标 | 本次运行 |",
	"| refresh of pgbench, ", "| 刷新与 pgbench 之比，", "| refresh of pgbench with ES256, ", "| 使用 ES256 时刷新与 pgbench 之比，",
	"| p99 of refresh, ", "| 刷新的 p99，",
	"| processor time of the service a refresh, ", "| 服务每次刷新的处理器时间，",
	"| processor time of the service a refresh with ES256, ", "| 使用 ES256 时服务每次刷新的处理器时间，",
	"| processor time of the service a login, ", "| 服务每次登录的处理器时间，",
	"| bytes allocated a refresh |", "| 每次刷新分配的字节数 |", "| verify of healthz, ", "| verify 与 healthz 之比，", " clients |", " 个客户端 |",
	"| resident memory after the load |", "| 压测之后的常驻内存 |", "| start to ready |", "| 启动到就绪 |",
	// Sizes.
	"| resident memory, idle |", "| 常驻内存，空闲 |", "| resident memory, after the load |", "| 常驻内存，压测之后 |",
	"| start to ready, migrated database |", "| 启动到就绪，数据库已迁移 |", "| binary |", "| 程序大小 |",
	"| rows added by ", "| 同一会话刷新 ", " refreshes of one session |", " 次增加的行数 |",
	"| in one process | a call |", "| 在一个进程内 | 每次调用 |",
	// The picture.
	"Refreshes and logins a second as a share of pgbench's single-row updates", "每秒刷新和登录次数，与 pgbench 单行更新之比",
	"Refreshes and logins a second, pgbench's single-row update = 1", "每秒刷新和登录次数，pgbench 单行更新 = 1",
	">refresh, ", ">刷新，", ">login, ", ">登录，",
)
