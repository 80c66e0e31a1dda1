package wechat

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // WeChat's signatures are SHA-1; there is no other choice
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/providers"
)

// ErrPush is [providers.ErrPush].
var ErrPush = providers.ErrPush

// The events by which WeChat reports what its users do with their data
// (developers.weixin.qq.com, mini program, security guide, "change of an
// authorized user's information").
const (
	// EventUserInfoModified: WeChat cleared a risky nickname or avatar; copies
	// are to be cleared too.
	EventUserInfoModified = "user_info_modified"
	// EventUserAuthorizationRevoke: the user withdrew a permission, see
	// [Event.RevokeInfo]; what was obtained by it is to be deleted.
	EventUserAuthorizationRevoke = "user_authorization_revoke"
	// EventUserAuthorizationCancellation: the user closed the account; the
	// person's data is to be erased.
	EventUserAuthorizationCancellation = "user_authorization_cancellation"
)

// PushConfig holds the values of "message push" in the mini program's console.
type PushConfig struct {
	// AppID is the mini program that the messages are for.
	AppID string
	// Token is the secret of the signatures.
	Token Secret
	// EncodingAESKey, 43 characters, switches the safe mode on: then only
	// encrypted bodies are taken (also in the console's compatible mode,
	// whose plain part is ignored). Without it bodies are plain, and the
	// signature covers none of the body: an attacker who has seen one valid query can
	// send any event with it. Set it.
	EncodingAESKey Secret
	// MaxAge is the maximum difference between the timestamp of a query and Now.
	// 0 means ten minutes, since WeChat repeats a push without a timely response.
	// A negative value means no limit.
	MaxAge time.Duration
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

// Push parses the messages that WeChat pushes to a server (developers.weixin.qq.com,
// mini program, "message push"). It is safe for concurrent use. WeChat repeats a message
// unless the response is "success" or empty within five seconds, so a message may come
// more than once.
type Push struct {
	appID  string
	token  Secret
	key    Secret // the 32 bytes; empty in plain mode
	maxAge time.Duration
	now    func() time.Time
}

// NewPush returns a Push. It returns an error for an invalid configuration; the error
// contains no secret.
func NewPush(cfg PushConfig) (*Push, error) {
	if cfg.AppID == "" || cfg.Token.Empty() {
		return nil, errors.New("wechat: a message push needs the appid and the token")
	}
	p := &Push{appID: cfg.AppID, token: cfg.Token, maxAge: cfg.MaxAge, now: cfg.Now}
	if !cfg.EncodingAESKey.Empty() {
		// 43 characters are 258 bits: the two left over are not always zero,
		// so decoding cannot be strict.
		key, err := base64.StdEncoding.DecodeString(cfg.EncodingAESKey.Reveal() + "=")
		if err != nil || len(key) != 32 || len(cfg.EncodingAESKey.Reveal()) != 43 {
			return nil, errors.New("wechat: an EncodingAESKey has 43 characters of base64")
		}
		p.key = NewSecret(string(key))
	}
	if p.maxAge == 0 {
		p.maxAge = 10 * time.Minute
	}
	if p.now == nil {
		p.now = time.Now
	}
	return p, nil
}

// Event is a pushed message, of which only the fields below are read.
type Event struct {
	// MsgType is "event" for all events.
	MsgType string
	// Event is the event's name, see EventUserAuthorizationRevoke and others.
	Event string
	// OpenID identifies the user. It is "" if the message has none, which developers
	// have seen. It is not the sender: FromUserName of these events is an account of
	// WeChat itself.
	OpenID string
	// UnionID is sent where the app is bound to an Open Platform account.
	UnionID string
	// AppID is the mini program.
	AppID string
	// RevokeInfo names what was withdrawn: "1" number plate, "2" address, "3"
	// invoice, "4" Bluetooth, "5" microphone, "6" nickname and avatar, "7"
	// camera, "8" phone number, "12" steps, "13" location, "14" chosen
	// pictures or videos, "15" chosen files, "16" mail address, "18" chosen
	// place, "19" nickname from the keyboard, "20" avatar from the component.
	// Others may come: the list has grown.
	RevokeInfo string
	// PluginID and OpenPID name a plugin and the person within it, where the
	// permission was given to a plugin and not to the mini program.
	PluginID, OpenPID string
	// CreateTime is when WeChat made the message, to the second. Where the
	// message does not say, it is the timestamp of the signed query.
	CreateTime time.Time
}

// InPlugin reports whether the event is about a plugin's data, of which the
// mini program holds nothing.
func (e Event) InPlugin() bool { return e.PluginID != "" || e.OpenPID != "" }

// Withdrew reports which of the data that a mini program may keep were
// withdrawn: nickname and avatar (RevokeInfo 6, 19 and 20), and the phone
// number (8). Several numbers may stand in one RevokeInfo.
func (e Event) Withdrew() (profile, phone bool) {
	if e.InPlugin() {
		return false, false
	}
	for _, number := range e.numbers() {
		switch number {
		case "6", "19", "20":
			profile = true
		case "8":
			phone = true
		}
	}
	return profile, phone
}

// What returns RevokeInfo in a form that is safe to record: its numbers, separated by
// commas, at most twenty.
func (e Event) What() string {
	numbers := e.numbers()
	return strings.Join(numbers[:min(len(numbers), 20)], ",")
}

func (e Event) numbers() []string {
	var out []string
	for _, number := range strings.FieldsFunc(e.RevokeInfo, func(r rune) bool { return r < '0' || r > '9' }) {
		if number = strings.TrimLeft(number, "0"); number != "" && len(number) <= 4 {
			out = append(out, number)
		}
	}
	return out
}

// VerifyURL verifies the GET request with which WeChat checks the address that was
// entered in the console. It returns the body of the response.
func (p *Push) VerifyURL(query url.Values) (echo string, err error) {
	timestamp, nonce, signature, ok := p.query(query, "signature")
	echo, found := single(query, "echostr")
	if !ok || !found || !equalHex(p.sign(timestamp, nonce), signature) {
		return "", ErrPush
	}
	return echo, nil
}

// Parse verifies and parses a POST request: its query and its body, in XML or JSON.
// Every error is [ErrPush].
func (p *Push) Parse(query url.Values, body []byte) (Event, error) {
	m, timestamp, err := p.open(query, body)
	if err != nil {
		return Event{}, err
	}
	return p.event(m, timestamp)
}

// open verifies a message and returns its members and the timestamp of the query.
func (p *Push) open(query url.Values, body []byte) (m map[string]string, timestamp string, err error) {
	if p.key.Empty() {
		timestamp, nonce, signature, ok := p.query(query, "signature")
		if !ok || !equalHex(p.sign(timestamp, nonce), signature) {
			return nil, "", ErrPush
		}
		m, err := members(body)
		return m, timestamp, err
	}
	// In safe mode "signature" is sent as well, and says nothing of the body.
	timestamp, nonce, signature, ok := p.query(query, "msg_signature")
	if !ok {
		return nil, "", ErrPush
	}
	outer, ok := parseMessage(body)
	if !ok || outer["Encrypt"] == "" {
		return nil, "", ErrPush
	}
	if !equalHex(p.sign(timestamp, nonce, outer["Encrypt"]), signature) {
		return nil, "", ErrPush
	}
	plain, ok := p.decrypt(outer["Encrypt"])
	if !ok {
		return nil, "", ErrPush
	}
	m, err = members(plain)
	return m, timestamp, err
}

func members(body []byte) (map[string]string, error) {
	m, ok := parseMessage(body)
	if !ok {
		return nil, ErrPush
	}
	return m, nil
}

// query returns the signed parameters. It refuses a duplicate parameter, because it is
// unclear which of the two was signed.
func (p *Push) query(query url.Values, name string) (timestamp, nonce, signature string, ok bool) {
	timestamp, ok1 := single(query, "timestamp")
	nonce, ok2 := single(query, "nonce")
	signature, ok3 := single(query, name)
	if !ok1 || !ok2 || !ok3 {
		return "", "", "", false
	}
	if p.maxAge > 0 {
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || p.now().Sub(time.Unix(seconds, 0)).Abs() > p.maxAge {
			return "", "", "", false
		}
	}
	return timestamp, nonce, signature, true
}

func single(query url.Values, name string) (string, bool) {
	v := query[name]
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
}

// sign is SHA-1 of the token and the parts, sorted and put together.
func (p *Push) sign(parts ...string) []byte {
	parts = append(parts, p.token.Reveal())
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // WeChat's choice
	return sum[:]
}

// decrypt reads AES-256-CBC under the EncodingAESKey, whose first 16 bytes
// also are the IV. Padding goes up to 32 bytes, though AES has blocks of 16.
// Inside are 16 random bytes, the length of the message in network order, the
// message, and the appid.
func (p *Push) decrypt(encrypted string) ([]byte, bool) {
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return nil, false
	}
	key := []byte(p.key.Reveal())
	full, ok := providers.DecryptCBC(key, key[:16], data, 32)
	if !ok || len(full) < 20 {
		return nil, false
	}
	n, rest := binary.BigEndian.Uint32(full[16:20]), full[20:]
	if uint64(n) > uint64(len(rest)) || string(rest[n:]) != p.appID {
		return nil, false
	}
	return rest[:n], true
}

func (p *Push) event(m map[string]string, timestamp string) (Event, error) {
	if m["MsgType"] == "" {
		return Event{}, ErrPush
	}
	e := Event{
		MsgType: m["MsgType"], Event: m["Event"], OpenID: m["OpenID"], UnionID: m["UnionID"],
		AppID: m["AppID"], RevokeInfo: m["RevokeInfo"], PluginID: m["PluginID"], OpenPID: m["OpenPID"],
	}
	// In plain mode this is the only place that names the app. Other events
	// than the three above do not name it.
	if e.AppID != "" && e.AppID != p.appID {
		return Event{}, ErrPush
	}
	e.AppID = p.appID
	made := m["CreateTime"]
	if made == "" {
		made = timestamp
	}
	seconds, err := strconv.ParseInt(made, 10, 64)
	if err != nil || seconds <= 0 {
		return Event{}, ErrPush
	}
	e.CreateTime = time.Unix(seconds, 0).UTC()
	return e, nil
}

// parseMessage reads the top level of a message, XML or JSON by its first
// character, for the console lets the owner choose and WeChat's Content-Type is
// not to be relied on. Values that are no string and no number are empty.
//
// Blanks around a name are taken away: WeChat's own JSON examples write
// " OpenID" and " AppID". A name that comes twice with different values makes
// the message unreadable, for it is unclear which of them counts.
func parseMessage(body []byte) (map[string]string, bool) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, false
	}
	if body[0] == '<' {
		return parseXML(body)
	}
	var f providers.Fields
	if json.Unmarshal(body, &f) != nil || f == nil {
		return nil, false
	}
	// Unmarshal keeps the last of two members of one name without a word.
	m := make(map[string]string, len(f))
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		known, text := strings.TrimSpace(name.(string)), strings.TrimSpace(providers.Fields{"": value}.TextOrNumber(""))
		if before, twice := m[known]; twice && before != text {
			return nil, false
		}
		m[known] = text
	}
	return m, true
}

// parseXML reads <xml><Name>text</Name>…</xml>. encoding/xml loads no external
// entities and expands none of a document type's own.
func parseXML(body []byte) (map[string]string, bool) {
	var doc struct {
		XMLName xml.Name `xml:"xml"`
		Fields  []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	if d.Decode(&doc) != nil {
		return nil, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, false // a second document
	}
	m := make(map[string]string, len(doc.Fields))
	for _, f := range doc.Fields {
		if _, twice := m[f.XMLName.Local]; twice {
			return nil, false
		}
		m[f.XMLName.Local] = strings.TrimSpace(f.Text)
	}
	return m, true
}
