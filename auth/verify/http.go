package verify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// retryAfter is the Retry-After of a 503, in seconds.
const retryAfter = "5"

// Bearer returns the access token of a request's Authorization header (RFC 6750
// section 2.1). The scheme is case-insensitive. It returns [ErrMissing] if there is
// no such header or it has another scheme, and [ErrInvalid] if there are two or the
// credentials are not a token. It never reads a token from the query or a form,
// because addresses are logged.
func Bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", ErrMissing
	case len(values) > 1:
		// A proxy in front could read the other one.
		return "", invalid("more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrMissing
	}
	token = strings.Trim(token, " ")
	if !isB64Token(token) {
		return "", invalid("the Authorization header holds no bearer token")
	}
	return token, nil
}

// isB64Token is the b64token of RFC 6750 section 2.1.
func isB64Token(text string) bool {
	text = strings.TrimRight(text, "=")
	if text == "" {
		return false
	}
	for i := range len(text) {
		if !b64Token[text[i]] {
			return false
		}
	}
	return true
}

// b64Token marks the characters of a b64token. A token has some five hundred of
// them: to compare each with six ranges was a fifth of a check from the cache.
var b64Token = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") {
		set[c] = true
	}
	return set
}()

type contextKey struct{}

// NewContext returns a copy of ctx that carries claims, for frameworks that do not
// use [Verifier.Middleware].
func NewContext(ctx context.Context, claims *Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, claims)
}

// FromContext returns the claims that [Verifier.Middleware] or [NewContext] stored
// in ctx, and reports whether there are any.
func FromContext(ctx context.Context) (*Claims, bool) {
	claims, ok := ctx.Value(contextKey{}).(*Claims)
	return claims, ok
}

// VerifyRequest checks the access token in a request's Authorization header, for
// frameworks that do not use [Verifier.Middleware]. The errors are those of
// [Bearer] and [Verifier.Verify].
func (v *Verifier) VerifyRequest(r *http.Request) (*Claims, error) {
	token, err := Bearer(r.Header)
	if err != nil {
		return nil, err
	}
	return v.Verify(r.Context(), token)
}

// Middleware returns a handler that passes requests with a valid access token to
// next, which gets the claims from [FromContext]. It responds to other requests
// with [WriteError]. A browser's preflight request has no token, so CORS must be
// handled in front of it.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := v.VerifyRequest(r)
		if err != nil {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
	})
}

// Problem is the body of an error response (RFC 9457) with wugan's error code.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	// Reason is why the session was revoked, if the code is session_revoked and
	// the reason is known.
	Reason string `json:"reason,omitempty"`
}

// problems holds the same problems as the service itself, word for word, so that a
// client handles both alike. Only keys_unavailable is specific to this package.
var problems = map[string]Problem{
	CodeTokenMissing: {
		Title: "Access token missing", Status: http.StatusUnauthorized,
		Detail: "Send the access token as: Authorization: Bearer TOKEN.",
	},
	CodeTokenInvalid: {
		Title: "Access token refused", Status: http.StatusUnauthorized,
		Detail: "It is not an access token of this service: refresh the tokens and send the request again.",
	},
	CodeTokenExpired: {
		Title: "Access token expired", Status: http.StatusUnauthorized,
		Detail: "Refresh the tokens at POST /api/v1/auth/refresh and send the request again.",
	},
	CodeSessionRevoked: {
		Title: "Session ended", Status: http.StatusUnauthorized,
		Detail: "The session was ended: log in again.",
	},
	CodeKeysUnavailable: {
		Title: "Keys unavailable", Status: http.StatusServiceUnavailable,
		Detail: "The keys that check access tokens cannot be had now: keep the tokens and try again after the seconds that Retry-After names.",
	},
	CodeInternal: {
		Title: "Internal error", Status: http.StatusInternalServerError,
		Detail: "This is a fault of the service; the log holds more under the request id.",
	},
}

// WriteError writes the response to a request whose token was not accepted, in the
// form of the service itself: application/problem+json with a code. The status is
// 401 with WWW-Authenticate, or 503 with Retry-After if the keys are unavailable,
// so that an outage logs no user out.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	code := Code(err)
	problem, ok := problems[code]
	if !ok {
		code, problem = CodeInternal, problems[CodeInternal]
	}
	problem.Type, problem.Code = "urn:wugan:error:"+code, code
	problem.RequestID = requestID(w.Header(), r.Header)
	if ended := new(RevokedError); errors.As(err, &ended) {
		problem.Reason = ended.Reason
	}

	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Request-Id", problem.RequestID)
	if challenge := Challenge(err); challenge != "" {
		header.Set("WWW-Authenticate", challenge)
	}
	if problem.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(problem.Status)
	_ = json.NewEncoder(w).Encode(problem)
}

// requestID returns the request id that an outer middleware set, else that of the
// request if it is safe to log, else a new one.
func requestID(answer, request http.Header) string {
	if id := answer.Get("X-Request-Id"); id != "" {
		return id
	}
	id := request.Get("X-Request-Id")
	printable := func(c rune) bool { return c > ' ' && c < 0x7f }
	if id != "" && len(id) <= 128 && strings.IndexFunc(id, func(c rune) bool { return !printable(c) }) < 0 {
		return id
	}
	return rand.Text()
}
