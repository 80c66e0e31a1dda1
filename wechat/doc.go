// Package wechat is a client of WeChat's server API for mini programs. It exchanges
// login codes, caches the access token, gets phone numbers, checks and resets session
// keys, decrypts the data that wx.getUserInfo and similar calls return, and parses the
// message push with which WeChat reports that a user withdrew a permission or closed
// the account.
//
// It owns the meaning of WeChat's responses: which errcode is a fault of the user, of
// the operator or of WeChat, and which calls may be repeated. It does not own users,
// sessions and storage. It keeps no session_key and logs nothing: callers observe
// calls through [providers.Config] and errors through [providers.Error]. Neither
// contains a secret, a code, an access token, a session_key or an address with one of
// them.
//
// The source for WeChat's behaviour is developers.weixin.qq.com (mini program, server
// API). Comments mention where the real service differs.
package wechat
