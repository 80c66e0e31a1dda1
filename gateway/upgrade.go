package gateway

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 1.3 wants it, and not for secrecy
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// allowed is the header Allow where a method is not passed on.
const allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// passes reports whether requests with a method are forwarded. TRACE would return
// the headers that the gateway adds, and CONNECT would open a tunnel. Some servers
// treat TRACK as TRACE, and some ignore the case of methods.
func passes(method string) bool {
	switch strings.ToUpper(method) {
	case http.MethodTrace, http.MethodConnect, "TRACK":
		return false
	}
	return true
}

// errNoWebSocket is the error for a 101 that completes no WebSocket handshake.
var errNoWebSocket = errors.New("the upstream switched protocols, but not to the WebSocket that was asked for")

// limitUpgrade removes every Upgrade except a WebSocket's, which it normalizes, and
// returns the key of that handshake. After an upgrade to HTTP/2 the gateway would
// not see further requests on the connection, and a caller could set the identity
// headers. RFC 9110 section 7.8 allows a server to ignore an Upgrade, so such a
// request is handled without it.
func limitUpgrade(r *http.Request) (webSocketKey string) {
	offers := r.Header["Upgrade"]
	if len(offers) == 0 {
		return ""
	}
	r.Header = r.Header.Clone()
	keys := r.Header["Sec-Websocket-Key"]
	if len(offers) == 1 && strings.EqualFold(strings.TrimSpace(offers[0]), "websocket") &&
		r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.ContentLength == 0 &&
		len(keys) == 1 && isNonce(keys[0]) && namesUpgrade(r.Header["Connection"]) {
		r.Header.Set("Upgrade", "websocket")
		return keys[0]
	}
	r.Header.Del("Upgrade")
	return ""
}

// isNonce reports whether a key is 16 bytes in base64: RFC 6455 section 4.1.
func isNonce(key string) bool {
	nonce, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(nonce) == 16
}

func namesUpgrade(connection []string) bool {
	for _, value := range connection {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
				return true
			}
		}
	}
	return false
}

// acceptsWebSocket reports whether a 101 is the response to the handshake with
// this key: RFC 6455 section 4.2.2. A back end that lets a caller choose the
// status of its response opens no tunnel.
func acceptsWebSocket(h http.Header, key string) bool {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return key != "" && h.Get("Sec-Websocket-Accept") == base64.StdEncoding.EncodeToString(sum[:])
}
