// Package fakewechat is a mock server of WeChat's server API. It implements the calls
// of a mini program's back end with the statuses, types, bodies and peculiarities of
// the real service, and causes faults on demand. A test mounts it on httptest, `wugan
// dev` embeds it, and `wugan fakewechat` runs it alone for back ends in any language.
//
// It has two sides. The data side ([Server.Handler]) replaces WeChat for a back end.
// The control side (the methods of [Server], and [Server.ControlHandler] by JSON)
// simulates the phone, WeChat's console and faults: it logs in a user, moves the
// clock, or breaks a connection.
//
// It imports no other package of this project, so that a mistake there is not
// repeated here. It keeps all state in memory and has no access control: it must
// never be used in production.
package fakewechat
