package fakewechat

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Push is a message that WeChat pushes to a back end, with the settings that
// the console would have for it.
type Push struct {
	// URL is the back end's address for it; a query of its own is kept.
	URL string `json:"url"`
	// Token signs; EncodingAESKey (43 characters) encrypts. Without the
	// latter the message is sent plain.
	Token          string `json:"token"`
	EncodingAESKey string `json:"encodingAESKey,omitempty"`
	// Format is "json" (the default) or "xml".
	Format string `json:"format,omitempty"`
	// Compatible sends the plain fields beside the encrypted ones, as the
	// console's compatible mode does.
	Compatible bool `json:"compatible,omitempty"`
	// AppID and User are whom it is about.
	AppID string `json:"appId"`
	User  string `json:"user"`
	// Event is "user_authorization_revoke" by default; or
	// "user_authorization_cancellation", "user_info_modified".
	Event string `json:"event,omitempty"`
	// RevokeInfo is what was withdrawn, "8" for the phone number …
	RevokeInfo string `json:"revokeInfo,omitempty"`
	// PluginID makes it a withdrawal inside a plugin; the person's OpenPID is
	// sent with it.
	PluginID string `json:"pluginId,omitempty"`
	// WithoutOpenID leaves the person out, as developers report of real pushes.
	WithoutOpenID bool `json:"withoutOpenId,omitempty"`
	// BlankNames writes " OpenID", " AppID" and " RevokeInfo" with a leading
	// blank, as WeChat's own JSON examples do. XML has no such names.
	BlankNames bool `json:"blankNames,omitempty"`
	// CreateTime is when the message was made, in Unix seconds; 0: now. A push
	// that is repeated keeps the time of the first.
	CreateTime int64 `json:"createTime,omitempty"`
}

// PushResult is what the back end answered. WeChat repeats a push unless it is
// a 200 with the body "success" or none; the stand-in sends it once.
type PushResult struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	// Accepted: WeChat would be content.
	Accepted bool `json:"accepted"`
}

// pushTimeout is how long WeChat waits for the response.
const pushTimeout = 5 * time.Second

// SendPush sends a message and returns the response. The error is about sending;
// a refusal by the back end is a PushResult.
func (s *Server) SendPush(ctx context.Context, p Push) (PushResult, error) {
	target, body, err := s.BuildPush(p)
	if err != nil {
		return PushResult{}, err
	}
	contentType := "application/json"
	if p.Format == "xml" {
		contentType = "text/xml"
	}
	return send(ctx, http.MethodPost, target, contentType, body)
}

// VerifyPushURL is the GET with which WeChat checks an address when it is
// entered in the console: the back end has to answer the echostr.
func (s *Server) VerifyPushURL(ctx context.Context, address, token string) (PushResult, error) {
	target, err := url.Parse(address)
	if err != nil {
		return PushResult{}, errors.New("fakewechat: url: not well-formed")
	}
	s.mu.Lock()
	timestamp, nonce, echo := strconv.FormatInt(s.now().Unix(), 10), s.text(10, "123456789"), s.text(19, "123456789")
	s.mu.Unlock()
	q := target.Query()
	q.Set("signature", SignPush(token, timestamp, nonce))
	q.Set("timestamp", timestamp)
	q.Set("nonce", nonce)
	q.Set("echostr", echo)
	target.RawQuery = q.Encode()
	res, err := send(ctx, http.MethodGet, target.String(), "", nil)
	res.Accepted = res.Status == http.StatusOK && res.Body == echo
	return res, err
}

// BuildPush returns the address and the body that SendPush would send.
func (s *Server) BuildPush(p Push) (target string, body []byte, err error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" {
		return "", nil, errors.New("fakewechat: url: not well-formed")
	}
	if p.Format != "" && p.Format != "json" && p.Format != "xml" {
		return "", nil, fmt.Errorf(`fakewechat: format: %q is neither "json" nor "xml"`, p.Format)
	}
	if p.Event == "" {
		p.Event = "user_authorization_revoke"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(p.AppID, p.User); err != nil {
		return "", nil, err
	}
	openID, now := OpenID(p.AppID, p.User), s.now().Unix()
	if p.CreateTime == 0 {
		p.CreateTime = now
	}
	blank := ""
	if p.BlankNames && p.Format != "xml" {
		blank = " "
	}
	message := fieldList{
		{"ToUserName", "gh_870882ca4b1"},
		{"FromUserName", OpenID(p.AppID, "\x00the platform itself")}, // not the user
		{"CreateTime", p.CreateTime},
		{"MsgType", "event"},
		{"Event", p.Event},
	}
	if !p.WithoutOpenID {
		message = append(message, field{blank + "OpenID", openID})
	}
	if id := UnionID(s.apps[p.AppID].Platform, p.User); id != "" {
		message = append(message, field{"UnionID", id})
	}
	message = append(message, field{blank + "AppID", p.AppID})
	if p.RevokeInfo != "" {
		message = append(message, field{blank + "RevokeInfo", p.RevokeInfo})
	}
	if p.PluginID != "" {
		message = append(message, field{"PluginID", p.PluginID}, field{"OpenPID", OpenID(p.PluginID, p.User)})
	}
	render := fieldList.json
	if p.Format == "xml" {
		render = fieldList.xml
	}

	timestamp, nonce := strconv.FormatInt(now, 10), s.text(10, "123456789")
	q := u.Query()
	q.Set("signature", SignPush(p.Token, timestamp, nonce))
	q.Set("timestamp", timestamp)
	q.Set("nonce", nonce)
	q.Set("openid", openID)
	body = render(message)
	if p.EncodingAESKey != "" {
		var random [16]byte
		copy(random[:], s.text(16, hexadecimal))
		encrypted, err := EncryptPush(p.EncodingAESKey, p.AppID, random, body)
		if err != nil {
			return "", nil, err
		}
		q.Set("encrypt_type", "aes")
		q.Set("msg_signature", SignPush(p.Token, timestamp, nonce, encrypted))
		outer := fieldList{message[0]}
		if p.Compatible {
			outer = message
		}
		body = render(append(outer[:len(outer):len(outer)], field{"Encrypt", encrypted}))
	}
	u.RawQuery = q.Encode()
	return u.String(), body, nil
}

func send(ctx context.Context, method, target, contentType string, body []byte) (PushResult, error) {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return PushResult{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return PushResult{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return PushResult{}, err
	}
	text := string(b)
	return PushResult{
		Status: res.StatusCode, Body: text,
		Accepted: res.StatusCode == http.StatusOK && (text == "" || strings.TrimSpace(text) == "success"),
	}, nil
}

// fieldList keeps the order of the documentation's examples.
type fieldList []field

type field struct {
	name  string
	value any // string or int64
}

func (l fieldList) json() []byte {
	var b bytes.Buffer
	for i, f := range l {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(f.name)
		value, _ := json.Marshal(f.value)
		fmt.Fprintf(&b, "%s:%s", name, value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// xml puts text in CDATA and numbers bare, as WeChat does.
func (l fieldList) xml() []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, f := range l {
		text, isText := f.value.(string)
		switch {
		case !isText:
			fmt.Fprintf(&b, "<%[1]s>%[2]d</%[1]s>", f.name, f.value)
		case strings.Contains(text, "]]>"):
			fmt.Fprintf(&b, "<%s>", f.name)
			_ = xml.EscapeText(&b, []byte(text)) // a bytes.Buffer takes everything
			fmt.Fprintf(&b, "</%s>", f.name)
		default:
			fmt.Fprintf(&b, "<%[1]s><![CDATA[%[2]s]]></%[1]s>", f.name, text)
		}
	}
	b.WriteString("</xml>")
	return b.Bytes()
}
