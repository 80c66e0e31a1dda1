// Package fakewechat is a stand-in for WeChat's server API: the calls of a mini
// program's back end with the statuses, types, bodies and oddities of the real
// service, and faults on demand. A test mounts it on httptest, `wugan dev`
// embeds it, and `wugan fakewechat` runs it by itself for back ends in any
// language.
//
// It has two sides. The data side ([Server.Handler]) is what a back end talks
// to in WeChat's place. The control side (the methods of [Server], and the same
// by JSON from [Server.ControlHandler]) is what the phone, WeChat's console and
// bad luck do: log a user in, move the clock, break a connection.
//
// It owns the behaviour of WeChat as far as it is known and refuses to own any
// of ours: it imports nothing of this project, so that a mistake there cannot
// be made here as well. It keeps everything in memory and protects nothing; it
// must never stand where real users are.
package fakewechat
