package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/gateway"
	"github.com/wugan/wugan/users"
)

// answerOf renders an error as the service does.
func answerOf(t *testing.T, method string, err error) *httptest.ResponseRecorder {
	t.Helper()
	a := &api{log: slog.New(slog.DiscardHandler)}
	recorder := httptest.NewRecorder()
	c := echo.New().NewContext(httptest.NewRequestWithContext(t.Context(), method, "/", http.NoBody), recorder)
	c.Response().Header().Set(echo.HeaderXRequestID, "request-1")
	a.answerProblem(err, c)
	return recorder
}

func TestEveryErrorOfTheDomainHasItsStatusAndCode(t *testing.T) {
	for err, want := range map[error]string{
		users.ErrUnavailable:       "503 database_unavailable",
		users.ErrNotFound:          "404 not_found",
		users.ErrPhoneTaken:        "409 phone_taken",
		users.ErrPhoneLimit:        "429 rate_limited",
		auth.ErrUnknownApp:         "400 unknown_app",
		auth.ErrUserDisabled:       "403 user_disabled",
		auth.ErrRefreshInvalid:     "401 refresh_invalid",
		auth.ErrRefreshExpired:     "401 refresh_expired",
		auth.ErrRefreshReused:      "401 refresh_reused",
		auth.ErrSessionRevoked:     "401 session_revoked",
		auth.ErrNoSession:          "404 not_found",
		verify.ErrMissing:          "401 token_missing",
		verify.ErrInvalid:          "401 token_invalid",
		verify.ErrExpired:          "401 token_expired",
		verify.ErrRevoked:          "401 session_revoked",
		gateway.ErrNoUpstream:      "404 not_found",
		gateway.ErrPath:            "400 invalid_request",
		gateway.ErrClientBody:      "400 invalid_request",
		gateway.ErrClientTimeout:   "408 request_timeout",
		gateway.ErrUpstreamDown:    "502 upstream_unavailable",
		gateway.ErrUpstreamTimeout: "504 upstream_timeout",

		&http.MaxBytesError{Limit: 1}: "413 body_too_large",
		echo.ErrNotFound:              "404 not_found",
		echo.ErrMethodNotAllowed:      "405 method_not_allowed",
		echo.ErrUnsupportedMediaType:  "415 unsupported_media_type",
		echo.ErrBadRequest:            "400 invalid_request",
		echo.ErrTeapot:                "500 internal",
		errors.New("anything else"):   "500 internal",
		context.DeadlineExceeded:      "503 database_unavailable",
		context.Canceled:              "503 database_unavailable",

		&users.ProviderError{Reason: users.CodeInvalid}:                                  "400 invalid_code",
		&users.ProviderError{Reason: users.CodeUsed}:                                     "400 code_used",
		&users.ProviderError{Reason: users.DecryptFailed}:                                "400 decrypt_failed",
		&users.ProviderError{Reason: users.PersonBlocked}:                                "403 user_blocked",
		&users.ProviderError{Reason: users.NoIdentity}:                                   "400 no_identity",
		&users.ProviderError{Reason: users.NotOffered, Provider: "alipay"}:               "400 invalid_request",
		&users.ProviderError{Reason: users.TooOften, Provider: "wechat"}:                 "429 wechat_rate_limited",
		&users.ProviderError{Reason: users.AppRejected, Provider: "wechat-oauth"}:        "502 wechat_rejected_app",
		&users.ProviderError{Reason: users.ProviderOutage, Provider: "wechat-component"}: "503 wechat_unavailable",
		&users.ProviderError{Reason: users.TooOften, Provider: "alipay"}:                 "429 provider_rate_limited",
		&users.ProviderError{Reason: users.AppRejected, Provider: "douyin"}:              "502 provider_rejected_app",
		&users.ProviderError{Reason: users.ProviderOutage, Provider: "custom"}:           "503 provider_unavailable",
		&users.ProviderError{Reason: "a reason of tomorrow"}:                             "500 internal",

		fmt.Errorf("%w: %w", ErrSchemaOutdated, users.ErrUnavailable):            "503 database_unavailable",
		fmt.Errorf("x: %w: %w", auth.ErrRefreshInvalid, users.ErrUnavailable):    "503 database_unavailable",
		fmt.Errorf("x: %w: %w", auth.ErrRefreshExpired, verify.ErrExpired):       "401 refresh_expired",
		fmt.Errorf("%w: %w", verify.ErrInvalid, verify.ErrUnknownKey):            "401 token_invalid",
		errors.Join(errors.New("roll back"), users.ErrNotFound):                  "404 not_found",
		fmt.Errorf("bind: %w", &http.MaxBytesError{Limit: maxBody}):              "413 body_too_large",
		fmt.Errorf("exchange: %w", &users.ProviderError{Reason: users.CodeUsed}): "400 code_used",
	} {
		recorder := answerOf(t, http.MethodGet, fmt.Errorf("wrapped: %w", err))
		var p verify.Problem
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &p), want)
		require.Equal(t, want, fmt.Sprint(recorder.Code, " ", p.Code), err)
		require.Equal(t, recorder.Code, p.Status)
	}
}

func TestEveryCodeIsAWholeProblem(t *testing.T) {
	codes := map[string]bool{}
	for c, k := range kinds {
		text := k.code
		require.Regexp(t, `^[a-z_]+$`, text)
		require.False(t, codes[text], "%s stands for two codes", text)
		codes[text] = true
		recorder := answerOf(t, http.MethodGet, newProblem(code(c), errors.New("SELECT secret FROM table")))
		var p verify.Problem
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &p), text)
		require.Equal(t, k.status, recorder.Code, text)
		require.Equal(t, "urn:wugan:error:"+text, p.Type)
		require.Equal(t, text, p.Code)
		require.Equal(t, "request-1", p.RequestID)
		require.NotEmpty(t, p.Title, text)
		require.True(t, strings.HasSuffix(p.Detail, "."), "%s: a sentence that says what to do", text)
		header := recorder.Header()
		require.Equal(t, MIMEProblem, header.Get("Content-Type"))
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Equal(t, k.status == http.StatusUnauthorized, header.Get("WWW-Authenticate") != "", text)
		require.Equal(t, text == "token_missing", header.Get("WWW-Authenticate") == "Bearer", text)
		if k.status == http.StatusServiceUnavailable {
			require.Regexp(t, `^[1-9]\d*$`, header.Get("Retry-After"), text)
		}
		require.NotContains(t, recorder.Body.String(), "SELECT", "the cause is for the log")
	}
}

func TestAPlatformsRefusalHasOneNameInResponsesAndMetrics(t *testing.T) {
	for reason := range providerCodes {
		for _, provider := range []string{"", "wechat", "wechat-oauth", "alipay", "custom"} {
			err := &users.ProviderError{Reason: reason, Provider: provider}
			require.Equal(t, err.Outcome(), problemOf(err).Code.String(), "%s of %q", reason, provider)
		}
	}
}

func TestAWaitIsRoundedUpToWholeSeconds(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90",
	} {
		recorder := answerOf(t, http.MethodGet, &users.ProviderError{Reason: users.ProviderOutage, RetryAfter: wait})
		require.Equal(t, want, recorder.Header().Get("Retry-After"))
	}
	for _, reason := range []users.ProviderReason{users.ProviderOutage, users.TooOften, users.CallsUsedUp} {
		recorder := answerOf(t, http.MethodGet, &users.ProviderError{Reason: reason})
		require.NotEmpty(t, recorder.Header().Get("Retry-After"), "a client that is to wait is told how long: %s", reason)
	}
}

func TestAProblemForHEADHasNoBodyAndAnAnswerThatHasBegunIsLeftAlone(t *testing.T) {
	recorder := answerOf(t, http.MethodHead, verify.ErrExpired)
	require.Equal(t, http.StatusUnauthorized, recorder.Code)
	require.Empty(t, recorder.Body.Bytes())
	require.Contains(t, recorder.Header().Get("WWW-Authenticate"), `error="invalid_token"`)

	a := &api{log: slog.New(slog.DiscardHandler)}
	begun := httptest.NewRecorder()
	c := echo.New().NewContext(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), begun)
	c.Response().WriteHeader(http.StatusOK)
	_, err := io.WriteString(c.Response(), "half an ans")
	require.NoError(t, err)
	a.answerProblem(errors.New("broken"), c)
	require.Equal(t, "half an ans", begun.Body.String())
}

// A client cannot tell whether the service or a business service with the library
// refused it.
func TestTheLibrarySaysWhatTheServiceSays(t *testing.T) {
	for _, err := range []error{
		verify.ErrMissing, verify.ErrInvalid, verify.ErrExpired, verify.ErrRevoked, &verify.RevokedError{Reason: "signed_out"},
	} {
		service := answerOf(t, http.MethodGet, err)
		library := httptest.NewRecorder()
		library.Header().Set("X-Request-Id", "request-1")
		verify.WriteError(library, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), err)
		require.Equal(t, service.Code, library.Code, err)
		require.JSONEq(t, service.Body.String(), library.Body.String())
		for _, name := range []string{"Content-Type", "Cache-Control", "WWW-Authenticate"} {
			require.Equal(t, service.Header().Get(name), library.Header().Get(name), name)
		}
	}
}
