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
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	// Reason is why the session ended (code session_revoked): auth.Reason.
	Reason string `json:"reason,omitempty"`

	challenge  string        // WWW-Authenticate
	retryAfter time.Duration // Retry-After
	cause      error         // for the log
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// Unwrap returns the cause.
func (p *problem) Unwrap() error { return p.cause }

// MIMEProblem is the media type of RFC 9457.
const MIMEProblem = "application/problem+json"

// kind is the constant part of a problem.
type kind struct {
	status int
	title  string
	detail string // what to do; a problem may say it more exactly
}

// kinds lists all error codes of the service, except those of RFC 6749 at the OAuth
// endpoints. docs/en/errors.md documents them.
var kinds = map[string]kind{
	"invalid_request":    {http.StatusBadRequest, "Request not understood", "Compare the request with /openapi.yaml."},
	"unknown_app":        {http.StatusBadRequest, "App not configured", "Send an appId that is configured; it may be left out only where one app is."},
	"invalid_code":       {http.StatusBadRequest, "Code refused", "The platform does not know this code, or it is too old (WeChat: five minutes): call wx.login, or what the platform has in its place, again and send the new code."},
	"invalid_phone_code": {http.StatusBadRequest, "Phone code refused", phoneCodeAdvice + " Call wx.login for a new code as well: the other one is spent."},
	"invalid_ticket":     {http.StatusBadRequest, "Ticket refused", "A ticket works once, within a minute, for its audience and while the session that asked for it lives: ask for a new one at POST /api/v1/auth/ticket."},
	"code_used":          {http.StatusBadRequest, "Code used before", "Each code works once: call wx.login again and send the new code."},
	"no_identity":        {http.StatusBadRequest, "Visitor without identity", "The platform knows this visitor only as a guest: let the person log in to the platform first, then send the new code."},
	"decrypt_failed":     {http.StatusBadRequest, "Data not decrypted", "The session key has changed or the data is of another app: log in again, then let the user send the data again."},

	"token_missing":   {http.StatusUnauthorized, "Access token missing", "Send the access token as: Authorization: Bearer TOKEN."},
	"token_invalid":   {http.StatusUnauthorized, "Access token refused", "It is not an access token of this service: refresh the tokens and send the request again."},
	"token_expired":   {http.StatusUnauthorized, "Access token expired", "Refresh the tokens at POST /api/v1/auth/refresh and send the request again."},
	"key_invalid":     {http.StatusUnauthorized, "Key refused", "It is no key of this service: look at WUGAN_API_KEYS."},
	"session_revoked": {http.StatusUnauthorized, "Session ended", "The session was ended: log in again."},
	"refresh_invalid": {http.StatusUnauthorized, "Refresh token refused", "It is not a refresh token of this service, or its session is gone: log in again."},
	"refresh_expired": {http.StatusUnauthorized, "Refresh token expired", "The session was not refreshed in time: log in again."},
	"refresh_reused":  {http.StatusUnauthorized, "Refresh token used before", "Its successor has been used already, so there is a copy of it. The session was ended: log in again."},

	"user_disabled":  {http.StatusForbidden, "User disabled", "An operator has disabled this account; logging in again does not help."},
	"another_person": {http.StatusForbidden, "Another person", "The code of wx.login stands for another person than the access token: nothing was changed."},
	"user_blocked":   {http.StatusForbidden, "User blocked by the platform", "The platform classifies this user as high-risk (WeChat: 40226) and refuses the login."},
	"forbidden":      {http.StatusForbidden, "Not allowed", "The key is good for other paths than this one."},

	"not_found":              {http.StatusNotFound, "Not found", "There is no such thing here, or the key that this path needs is not configured."},
	"method_not_allowed":     {http.StatusMethodNotAllowed, "Method not allowed", "The header Allow names the methods of this path."},
	"request_timeout":        {http.StatusRequestTimeout, "Request not received", "The body stopped coming: send the request again."},
	"phone_taken":            {http.StatusConflict, "Phone number taken", "Another user holds this phone number; an operator decides whether both are one person."},
	"session_key_missing":    {http.StatusConflict, "No session key", "No session key of this person is kept for the app: let the person log in there, then ask again."},
	"identity_taken":         {http.StatusConflict, "Identity taken", "Another user holds this identity; an operator decides whether both are one person."},
	"last_identity":          {http.StatusConflict, "Last identity", "The user would have no identity left: link another one first, or close the account."},
	"body_too_large":         {http.StatusRequestEntityTooLarge, "Body too large", "A body may have 64 KiB at most."},
	"unsupported_media_type": {http.StatusUnsupportedMediaType, "Media type not supported", "Send the body as application/json in UTF-8."},

	"rate_limited":          {http.StatusTooManyRequests, "Too many requests", "Wait for the seconds that Retry-After names."},
	"provider_rate_limited": {http.StatusTooManyRequests, "Too many requests at the platform", "The platform limits calls: wait for the seconds that Retry-After names."},
	"wechat_rate_limited":   {http.StatusTooManyRequests, "Too many requests at WeChat", "WeChat limits calls for one user (45011): wait for the seconds that Retry-After names."},

	"internal":              {http.StatusInternalServerError, "Internal error", "This is a fault of the service; the log holds more under the request id."},
	"wechat_rejected_app":   {http.StatusBadGateway, "WeChat refuses the app", "WeChat does not accept the appid, the secret or the address of this service: an operator must act."},
	"provider_rejected_app": {http.StatusBadGateway, "The platform refuses the app", "The platform does not accept the app's id, secret, signature or the address of this service: an operator must act."},
	"upstream_unavailable":  {http.StatusBadGateway, "Back end unavailable", "The back end behind this gateway cannot be reached or broke off: keep the tokens and try again later."},
	"upstream_timeout":      {http.StatusGatewayTimeout, "Back end too slow", "The back end behind this gateway did not begin to answer in time: keep the tokens and try again later."},
	"wechat_unavailable":    {http.StatusServiceUnavailable, "WeChat unavailable", "WeChat does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	"provider_unavailable":  {http.StatusServiceUnavailable, "Platform unavailable", "The platform does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	"database_unavailable":  {http.StatusServiceUnavailable, "Database unavailable", "The database does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	"schema_outdated":       {http.StatusServiceUnavailable, "Schema outdated", "The database lacks migrations: run wugan migrate up."},
	"shutting_down":         {http.StatusServiceUnavailable, "Shutting down", "This process answers what it has accepted and ends."},
}

// outageRetry is what clients are told to wait after an outage of the database.
const outageRetry = 2 * time.Second

func newProblem(code string, cause error) *problem {
	k, known := kinds[code]
	if !known {
		code, k = "internal", kinds["internal"]
	}
	p := &problem{
		Type: "urn:wugan:error:" + code, Title: k.title, Status: k.status, Detail: k.detail, Code: code, cause: cause,
	}
	switch {
	case code == "token_missing":
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
	p := newProblem("invalid_request", nil)
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
		p := newProblem(provider.Code(), err)
		if provider.Reason == users.NotOffered {
			p.Detail = "The platform of this app does not offer that: see the app's provider in the settings."
		}
		p.retryAfter = provider.RetryAfter
		if p.retryAfter == 0 && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) {
			p.retryAfter = outageRetry
		}
		return p
	case errors.As(err, &ended):
		p := newProblem("session_revoked", err)
		p.Reason = ended.Reason.Told()
		return p
	case errors.As(err, &revoked):
		p := newProblem("session_revoked", err)
		p.Reason = revoked.Reason
		return p
	case errors.As(err, &tooLarge):
		return newProblem("body_too_large", err)
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
		return newProblem("database_unavailable", err)
	}
	return newProblem("internal", err)
}

// knownErrors is in order: an outage first, for it may wrap other errors.
var knownErrors = []struct {
	err  error
	code string
}{
	{users.ErrUnavailable, "database_unavailable"},
	{auth.ErrUnknownApp, "unknown_app"},
	{auth.ErrUserDisabled, "user_disabled"},
	{auth.ErrAnotherPerson, "another_person"},
	{auth.ErrTicketInvalid, "invalid_ticket"},
	{auth.ErrRefreshExpired, "refresh_expired"},
	{auth.ErrRefreshReused, "refresh_reused"},
	{auth.ErrRefreshInvalid, "refresh_invalid"},
	{auth.ErrSessionRevoked, "session_revoked"},
	{auth.ErrNoSession, "not_found"},
	{users.ErrNotFound, "not_found"},
	{users.ErrPhoneTaken, "phone_taken"},
	{users.ErrIdentityTaken, "identity_taken"},
	{users.ErrLastIdentity, "last_identity"},
	{users.ErrNoSessionKey, "session_key_missing"},
	{gateway.ErrNoUpstream, "not_found"},
	{gateway.ErrMethod, "method_not_allowed"},
	{gateway.ErrPath, "invalid_request"},
	{gateway.ErrClientBody, "invalid_request"},
	{gateway.ErrClientTimeout, "request_timeout"},
	{gateway.ErrUpstreamTimeout, "upstream_timeout"},
	{gateway.ErrUpstreamDown, "upstream_unavailable"},
	{verify.ErrMissing, "token_missing"},
	{verify.ErrExpired, "token_expired"},
	{verify.ErrRevoked, "session_revoked"},
	{verify.ErrInvalid, "token_invalid"},
}

// echoCode names what Echo's router refuses by itself.
func echoCode(status int) string {
	switch status {
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusRequestEntityTooLarge:
		return "body_too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusBadRequest:
		return "invalid_request"
	}
	return "internal"
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
	c.Set(outcomeKey, p.Code)
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
