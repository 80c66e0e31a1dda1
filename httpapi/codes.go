package httpapi

import "net/http"

// code is an error code of the service. Its values are the constants below: a string
// is none of them, so a misspelt code does not compile.
type code int

// The error codes of the service, except those of RFC 6749 at the OAuth endpoints
// (oauth.go). docs/en/errors.md documents them.
const (
	codeInternal code = iota // the zero value, so that no error is without a code
	codeInvalidRequest
	codeUnknownApp
	codeInvalidCode
	codeInvalidPhoneCode
	codeInvalidTicket
	codeCodeUsed
	codeNoIdentity
	codeDecryptFailed

	codeTokenMissing
	codeTokenInvalid
	codeTokenExpired
	codeKeyInvalid
	codeSessionRevoked
	codeRefreshInvalid
	codeRefreshExpired
	codeRefreshReused

	codeUserDisabled
	codeAnotherPerson
	codeUserBlocked
	codeForbidden

	codeNotFound
	codeMethodNotAllowed
	codeRequestTimeout
	codePhoneTaken
	codeSessionKeyMissing
	codeIdentityTaken
	codeLastIdentity
	codeBodyTooLarge
	codeUnsupportedMediaType

	codeRateLimited
	codeProviderRateLimited
	codeWechatRateLimited

	codeWechatRejectedApp
	codeProviderRejectedApp
	codeUpstreamUnavailable
	codeUpstreamTimeout
	codeWechatUnavailable
	codeProviderUnavailable
	codeDatabaseUnavailable
	codeSchemaOutdated
	codeShuttingDown

	numCodes = iota
)

// kind is the constant part of a problem.
type kind struct {
	code   string // as responses have it
	status int
	title  string
	detail string // what to do; a problem may say it more exactly
}

// kinds describes each code.
var kinds = [numCodes]kind{
	codeInvalidRequest:   {"invalid_request", http.StatusBadRequest, "Request not understood", "Compare the request with /openapi.yaml."},
	codeUnknownApp:       {"unknown_app", http.StatusBadRequest, "App not configured", "Send an appId that is configured; it may be left out only where one app is."},
	codeInvalidCode:      {"invalid_code", http.StatusBadRequest, "Code refused", "The platform does not know this code, or it is too old (WeChat: five minutes): call wx.login, or what the platform has in its place, again and send the new code."},
	codeInvalidPhoneCode: {"invalid_phone_code", http.StatusBadRequest, "Phone code refused", phoneCodeAdvice + " Call wx.login for a new code as well: the other one is spent."},
	codeInvalidTicket:    {"invalid_ticket", http.StatusBadRequest, "Ticket refused", "A ticket works once, within a minute, for its audience and while the session that asked for it lives: ask for a new one at POST /api/v1/auth/ticket."},
	codeCodeUsed:         {"code_used", http.StatusBadRequest, "Code used before", "Each code works once: call wx.login again and send the new code."},
	codeNoIdentity:       {"no_identity", http.StatusBadRequest, "Visitor without identity", "The platform knows this visitor only as a guest: let the person log in to the platform first, then send the new code."},
	codeDecryptFailed:    {"decrypt_failed", http.StatusBadRequest, "Data not decrypted", "The session key has changed or the data is of another app: log in again, then let the user send the data again."},

	codeTokenMissing:   {"token_missing", http.StatusUnauthorized, "Access token missing", "Send the access token as: Authorization: Bearer TOKEN."},
	codeTokenInvalid:   {"token_invalid", http.StatusUnauthorized, "Access token refused", "It is not an access token of this service: refresh the tokens and send the request again."},
	codeTokenExpired:   {"token_expired", http.StatusUnauthorized, "Access token expired", "Refresh the tokens at POST /api/v1/auth/refresh and send the request again."},
	codeKeyInvalid:     {"key_invalid", http.StatusUnauthorized, "Key refused", "It is no key of this service: look at WUGAN_API_KEYS."},
	codeSessionRevoked: {"session_revoked", http.StatusUnauthorized, "Session ended", "The session was ended: log in again."},
	codeRefreshInvalid: {"refresh_invalid", http.StatusUnauthorized, "Refresh token refused", "It is not a refresh token of this service, or its session is gone: log in again."},
	codeRefreshExpired: {"refresh_expired", http.StatusUnauthorized, "Refresh token expired", "The session was not refreshed in time: log in again."},
	codeRefreshReused:  {"refresh_reused", http.StatusUnauthorized, "Refresh token used before", "Its successor has been used already, so there is a copy of it. The session was ended: log in again."},

	codeUserDisabled:  {"user_disabled", http.StatusForbidden, "User disabled", "An operator has disabled this account; logging in again does not help."},
	codeAnotherPerson: {"another_person", http.StatusForbidden, "Another person", "The code of wx.login stands for another person than the access token: nothing was changed."},
	codeUserBlocked:   {"user_blocked", http.StatusForbidden, "User blocked by the platform", "The platform classifies this user as high-risk (WeChat: 40226) and refuses the login."},
	codeForbidden:     {"forbidden", http.StatusForbidden, "Not allowed", "The key is good for other paths than this one."},

	codeNotFound:             {"not_found", http.StatusNotFound, "Not found", "There is no such thing here, or the key that this path needs is not configured."},
	codeMethodNotAllowed:     {"method_not_allowed", http.StatusMethodNotAllowed, "Method not allowed", "The header Allow names the methods of this path."},
	codeRequestTimeout:       {"request_timeout", http.StatusRequestTimeout, "Request not received", "The body stopped coming: send the request again."},
	codePhoneTaken:           {"phone_taken", http.StatusConflict, "Phone number taken", "Another user holds this phone number; an operator decides whether both are one person."},
	codeSessionKeyMissing:    {"session_key_missing", http.StatusConflict, "No session key", "No session key of this person is kept for the app: let the person log in there, then ask again."},
	codeIdentityTaken:        {"identity_taken", http.StatusConflict, "Identity taken", "Another user holds this identity; an operator decides whether both are one person."},
	codeLastIdentity:         {"last_identity", http.StatusConflict, "Last identity", "The user would have no identity left: link another one first, or close the account."},
	codeBodyTooLarge:         {"body_too_large", http.StatusRequestEntityTooLarge, "Body too large", "A body may have 64 KiB at most."},
	codeUnsupportedMediaType: {"unsupported_media_type", http.StatusUnsupportedMediaType, "Media type not supported", "Send the body as application/json in UTF-8."},

	codeRateLimited:         {"rate_limited", http.StatusTooManyRequests, "Too many requests", "Wait for the seconds that Retry-After names."},
	codeProviderRateLimited: {"provider_rate_limited", http.StatusTooManyRequests, "Too many requests at the platform", "The platform limits calls: wait for the seconds that Retry-After names."},
	codeWechatRateLimited:   {"wechat_rate_limited", http.StatusTooManyRequests, "Too many requests at WeChat", "WeChat limits calls for one user (45011): wait for the seconds that Retry-After names."},

	codeInternal:            {"internal", http.StatusInternalServerError, "Internal error", "This is a fault of the service; the log holds more under the request id."},
	codeWechatRejectedApp:   {"wechat_rejected_app", http.StatusBadGateway, "WeChat refuses the app", "WeChat does not accept the appid, the secret or the address of this service: an operator must act."},
	codeProviderRejectedApp: {"provider_rejected_app", http.StatusBadGateway, "The platform refuses the app", "The platform does not accept the app's id, secret, signature or the address of this service: an operator must act."},
	codeUpstreamUnavailable: {"upstream_unavailable", http.StatusBadGateway, "Back end unavailable", "The back end behind this gateway cannot be reached or broke off: keep the tokens and try again later."},
	codeUpstreamTimeout:     {"upstream_timeout", http.StatusGatewayTimeout, "Back end too slow", "The back end behind this gateway did not begin to answer in time: keep the tokens and try again later."},
	codeWechatUnavailable:   {"wechat_unavailable", http.StatusServiceUnavailable, "WeChat unavailable", "WeChat does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	codeProviderUnavailable: {"provider_unavailable", http.StatusServiceUnavailable, "Platform unavailable", "The platform does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	codeDatabaseUnavailable: {"database_unavailable", http.StatusServiceUnavailable, "Database unavailable", "The database does not answer now: keep the tokens and try again after the seconds that Retry-After names."},
	codeSchemaOutdated:      {"schema_outdated", http.StatusServiceUnavailable, "Schema outdated", "The database lacks migrations: run wugan migrate up."},
	codeShuttingDown:        {"shutting_down", http.StatusServiceUnavailable, "Shutting down", "This process answers what it has accepted and ends."},
}

func (c code) String() string { return kinds[c].code }

// MarshalText returns the code as responses have it.
func (c code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
