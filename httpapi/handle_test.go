package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

// Each request of the API tells everything that is wrong with it at once.
func TestEverythingWrongWithARequestIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	access, _ := s.login("ada")
	long := strings.Repeat("x", 200)
	for request, want := range map[string]string{
		`POST /api/v1/auth/login {"code":7,"deviceId":["x"],"deviceName":"x"}`: "The field code is of another type: a string is expected. The field deviceId is of another type: a string is expected.",
		`POST /api/v1/auth/login {"deviceId":"` + long + `","deviceName":"\u0001"}`: "The field code is missing. The field deviceId is too long: 128 characters at most. " +
			"The field deviceName holds a control character.",
		`POST /api/v1/auth/login {"ticket":"a b","audience":"\u0001"}`:            "The field ticket holds a character that is not printable ASCII. The field audience holds a control character.",
		`POST /api/v1/wechat/decrypt {}`:                                          "The field encryptedData is missing. The field iv is missing.",
		`POST /api/v1/users/me/identities {"appId":"` + long + `"}`:               "The field code is missing. The field appId is too long: 128 characters at most.",
		`PATCH /api/v1/users/me {"nickname":"` + long + `","avatarUrl":"ftp://"}`: "The field nickname is too long: 64 characters at most. The field avatarUrl names a file on the user's device, which no one else can see: upload it to storage of your own first (wx.uploadFile), and send the address that it has there.",
		`POST /api/v1/service/wechat/sign {"userId":"me"}`:                        "The field appId is missing. The field userId is not the id of a user. The field data is missing.",
		`GET /api/v1/service/events?limit=0&wait=1h&kind=none`:                    "The parameter wait is not a duration from 0s to 25s, such as 25s. The parameter limit is a number from 1 to 1000. The parameter kind is not a kind of event that this service records.",
		`GET /api/v1/admin/users?limit=101&count=yes&cursor=x&phone=`:             "The parameter limit is a number from 1 to 100. The parameter count is true or false. The parameter phone is empty. The parameter cursor is not one that this service gave out.",
	} {
		line, body, _ := strings.Cut(request, " {")
		if body != "" {
			body = "{" + body
		}
		method, path, _ := strings.Cut(line, " ")
		token := access
		switch {
		case strings.HasPrefix(path, "/api/v1/service"):
			token = testService
		case strings.HasPrefix(path, "/api/v1/admin"):
			token = testAdmin
		}
		got := s.do(method, path, body, bearer(token)...)
		require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", request, got.body)
		require.Equal(t, "invalid_request", got.text("code"), request)
		require.Equal(t, want, got.text("detail"), request)
	}
}

// probe is a request with all that a request may have.
type probe struct {
	byID
	Text string `json:"text"`
}

func (r probe) check() error { return checkText("text", r.Text, 3) }

func TestAnEndpointRunsOnlyForACheckedCallerAndACheckedRequest(t *testing.T) {
	t.Parallel()
	const id = "018f0000-0000-7000-8000-000000000001"
	refused := errors.New("refused")
	ran := 0
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusTeapot, err.Error()) }
	known := paths[string]{
		add: func(method, path string, handler echo.HandlerFunc) { add(e, method, path, handler) },
		identify: func(c echo.Context) (string, error) {
			if name := c.Request().Header.Get("X-Name"); name != "" {
				return name, nil
			}
			return "", refused
		},
	}
	handle(known, http.MethodPost, "/things/:id", func(_ context.Context, name string, r probe) (map[string]string, error) {
		ran++
		if r.Text == "bad" {
			return nil, errors.New("the endpoint's own")
		}
		return map[string]string{"name": name, "id": r.id.String(), "text": r.Text}, nil
	})
	handle(known, http.MethodGet, "/nothing", func(context.Context, string, none) (none, error) { return none{}, nil })
	send := func(method, path, name, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("X-Name", name)
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, r)
		return recorder.Code, recorder.Body.String()
	}
	for _, c := range []struct {
		path, name, body, want string
	}{
		{"/things/" + id, "", `{"text":"x"}`, "refused"},
		{"/things/7", "ada", `{"text":"x"}`, "not_found"},
		{"/things/" + id, "ada", ``, "The body is empty"},
		{"/things/" + id, "ada", `{"text":"long"}`, "too long"},
	} {
		status, body := send(http.MethodPost, c.path, c.name, c.body)
		require.Equal(t, http.StatusTeapot, status, body)
		require.Contains(t, body, c.want)
	}
	require.Zero(t, ran, "the endpoint did not run")

	status, body := send(http.MethodPost, "/things/"+id, "ada", `{"text":"x"}`)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"name":"ada","id":"`+uuid.MustParse(id).String()+`","text":"x"}`, body)
	_, body = send(http.MethodPost, "/things/"+id, "ada", `{"text":"bad"}`)
	require.Equal(t, "the endpoint's own", body)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		status, body = send(method, "/nothing", "ada", "")
		require.Equal(t, http.StatusNoContent, status)
		require.Empty(t, body)
	}
}
