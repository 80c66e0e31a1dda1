package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/gateway"
	"github.com/wugan/wugan/users"
)

// problem is an error response: a problem document (RFC 9457) with an error code.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      code   `json:"code"`
	RequestID string `json:"requestId"`
	// Reason is why the session ended (code session_revoked): auth.Reason.
	Reason string `json:"reason,omitempty"`

	challenge  string        // WWW-Authenticate
	retryAfter time.Duration // Retry-After
	cause      error         // for the log
}

func (p *problem) Error() string { return p.Code.String() + ": " + p.Detail }

// Unwrap returns the cause.
func (p *problem) Unwrap() error { return p.cause }

// MIMEProblem is the media type of RFC 9457.
const MIMEProblem = "application/problem+json"

// outageRetry is what clients are told to wait after an outage of the database.
const outageRetry = 2 * time.Second

func newProblem(c code, cause error) *problem {
	k := kinds[c]
	p := &problem{
		Type: "urn:wugan:error:" + k.code, Title: k.title, Status: k.status, Detail: k.detail, Code: c, cause: cause,
	}
	switch {
	case c == codeTokenMissing:
		p.challenge = "Bearer"
	case p.Status == http.StatusUnauthorized:
		p.challenge = refusedBearer(k.title)
	case p.Status == http.StatusServiceUnavailable:
		p.retryAfter = outageRetry
	}
	return p
}

// refusedBearer is the challenge of RFC 6750 section 3 to a token or key that
// was sent and is refused.
func refusedBearer(why string) string {
	return fmt.Sprintf("Bearer error=\"invalid_token\", error_description=%q", why)
}

// invalid refuses a request for what is wrong with it.
func invalid(format string, args ...any) *problem {
	p := newProblem(codeInvalidRequest, nil)
	p.Detail = fmt.Sprintf(format, args...)
	return p
}

// joinInvalid returns one problem with the details of all errors, so that a client is
// told everything that is wrong with its request at once. It returns nil if all errors
// are nil.
func joinInvalid(errs ...error) error {
	var details []string
	for _, err := range errs {
		if err != nil {
			details = append(details, problemOf(err).Detail)
		}
	}
	if details == nil {
		return nil
	}
	return invalid("%s", strings.Join(details, " "))
}

// inputProblem names the header or the field that the domain refused.
func inputProblem(err *users.InputError) *problem {
	if err.Field == "actor" {
		return invalid("The header X-Actor %s.", err.Problem)
	}
	return invalid("The field %s %s.", err.Field, err.Problem)
}

// problemOf maps an error to a status and a code. It is the only place that does.
func problemOf(err error) *problem {
	var (
		p        *problem
		provider *users.ProviderError
		tooLarge *http.MaxBytesError
		ended    *auth.RevokedError
		revoked  *verify.RevokedError
		fromEcho *echo.HTTPError
		input    *users.InputError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &input):
		return inputProblem(input)
	case errors.As(err, &provider):
		p := newProblem(providerCode(provider), err)
		if provider.Reason == users.NotOffered {
			p.Detail = "The platform of this app does not offer that: see the app's provider in the settings."
		}
		p.retryAfter = provider.RetryAfter
		if p.retryAfter == 0 && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) {
			p.retryAfter = outageRetry
		}
		return p
	case errors.As(err, &ended):
		p := newProblem(codeSessionRevoked, err)
		p.Reason = ended.Reason.Told()
		return p
	case errors.As(err, &revoked):
		p := newProblem(codeSessionRevoked, err)
		p.Reason = revoked.Reason
		return p
	case errors.As(err, &tooLarge):
		return newProblem(codeBodyTooLarge, err)
	case errors.As(err, &fromEcho):
		return newProblem(echoCode(fromEcho.Code), err)
	}
	for _, known := range knownErrors {
		if errors.Is(err, known.err) {
			return newProblem(known.code, err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		// A timeout without a cause: not the client's fault.
		return newProblem(codeDatabaseUnavailable, err)
	}
	return newProblem(codeInternal, err)
}

// providerCodes has the codes of a platform's refusals: those of the providers whose
// name begins with wechat, and those of all others.
var providerCodes = map[users.ProviderReason]struct{ wechat, other code }{
	users.CodeInvalid:      {codeInvalidCode, codeInvalidCode},
	users.PhoneCodeInvalid: {codeInvalidPhoneCode, codeInvalidPhoneCode},
	users.CodeUsed:         {codeCodeUsed, codeCodeUsed},
	users.NoIdentity:       {codeNoIdentity, codeNoIdentity},
	users.PersonBlocked:    {codeUserBlocked, codeUserBlocked},
	users.TooOften:         {codeWechatRateLimited, codeProviderRateLimited},
	users.AppRejected:      {codeWechatRejectedApp, codeProviderRejectedApp},
	users.ProviderOutage:   {codeWechatUnavailable, codeProviderUnavailable},
	users.DecryptFailed:    {codeDecryptFailed, codeDecryptFailed},
	users.CallsUsedUp:      {codeRateLimited, codeRateLimited},
	users.NotOffered:       {codeInvalidRequest, codeInvalidRequest},
}

func providerCode(err *users.ProviderError) code {
	codes := providerCodes[err.Reason]
	if err.Wechat() {
		return codes.wechat
	}
	return codes.other
}

// knownErrors is in order: an outage first, for it may wrap other errors.
var knownErrors = []struct {
	err  error
	code code
}{
	{users.ErrUnavailable, codeDatabaseUnavailable},
	{auth.ErrUnknownApp, codeUnknownApp},
	{auth.ErrUserDisabled, codeUserDisabled},
	{auth.ErrAnotherPerson, codeAnotherPerson},
	{auth.ErrTicketInvalid, codeInvalidTicket},
	{auth.ErrRefreshExpired, codeRefreshExpired},
	{auth.ErrRefreshReused, codeRefreshReused},
	{auth.ErrRefreshInvalid, codeRefreshInvalid},
	{auth.ErrSessionRevoked, codeSessionRevoked},
	{auth.ErrNoSession, codeNotFound},
	{users.ErrNotFound, codeNotFound},
	{users.ErrPhoneTaken, codePhoneTaken},
	{users.ErrIdentityTaken, codeIdentityTaken},
	{users.ErrLastIdentity, codeLastIdentity},
	{users.ErrNoSessionKey, codeSessionKeyMissing},
	{gateway.ErrNoUpstream, codeNotFound},
	{gateway.ErrMethod, codeMethodNotAllowed},
	{gateway.ErrPath, codeInvalidRequest},
	{gateway.ErrClientBody, codeInvalidRequest},
	{gateway.ErrClientTimeout, codeRequestTimeout},
	{gateway.ErrUpstreamTimeout, codeUpstreamTimeout},
	{gateway.ErrUpstreamDown, codeUpstreamUnavailable},
	{verify.ErrMissing, codeTokenMissing},
	{verify.ErrExpired, codeTokenExpired},
	{verify.ErrRevoked, codeSessionRevoked},
	{verify.ErrInvalid, codeTokenInvalid},
}

// echoCode names what Echo's router refuses by itself.
func echoCode(status int) code {
	switch status {
	case http.StatusNotFound:
		return codeNotFound
	case http.StatusMethodNotAllowed:
		return codeMethodNotAllowed
	case http.StatusRequestEntityTooLarge:
		return codeBodyTooLarge
	case http.StatusUnsupportedMediaType:
		return codeUnsupportedMediaType
	case http.StatusBadRequest:
		return codeInvalidRequest
	}
	return codeInternal
}

// statusClientGone is what nginx logs for a client that has gone; no client reads
// the response.
const statusClientGone = 499

// answerNobody ends a request whose client has gone: what it broke off says
// nothing of WeChat, the database or a back end.
func answerNobody(c echo.Context) {
	c.Set(outcomeKey, "client_gone")
	if !c.Response().Committed {
		c.Response().WriteHeader(statusClientGone)
	}
}

// answerProblem is Echo's error handler.
func (a *api) answerProblem(err error, c echo.Context) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && errors.Is(c.Request().Context().Err(), context.Canceled) {
		answerNobody(c)
		return
	}
	c.Set(outcomeKey, p.Code.String())
	if p.Status >= http.StatusInternalServerError || p.cause != nil {
		c.Set(causeKey, p.cause)
	}
	if c.Response().Committed {
		return
	}
	copied := *p
	copied.RequestID = requestID(c)
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, MIMEProblem)
	header.Set(echo.HeaderCacheControl, noStore)
	if p.challenge != "" {
		header.Set(echo.HeaderWWWAuthenticate, p.challenge)
	}
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	body, err := json.Marshal(copied)
	if err != nil {
		a.log.ErrorContext(c.Request().Context(), "a problem could not be written", slog.Any("error", err))
		return
	}
	c.Response().WriteHeader(p.Status)
	if c.Request().Method != http.MethodHead {
		_, _ = c.Response().Write(append(body, '\n')) // the client may have gone
	}
}
