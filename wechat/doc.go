// Package wechat is a client of WeChat's server API for mini programs: it
// exchanges login codes, keeps the access token, asks for phone numbers,
// checks and resets session keys, decrypts what wx.getUserInfo and its like
// hand to the client, and reads the message push with which WeChat reports
// that a person withdrew a permission or closed the account.
//
// It owns the exact meaning of WeChat's answers: which errcode is the user's
// fault, which the operator's and which WeChat's, what may be sent again and
// what never. It refuses to own users, sessions and storage, it keeps no
// session_key, and it logs nothing: callers observe calls through
// [providers.Config] and errors through [providers.Error], neither of which ever holds a
// secret, a code, an access token, a session_key or an address with any of
// them in it.
//
// The pages at developers.weixin.qq.com (mini program, server API) are the
// source for what is said of WeChat here; where the real service differs from
// them, the comment says so.
package wechat
