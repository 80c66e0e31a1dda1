package tracing

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// recorded returns a Tracing that keeps its spans.
func recorded(t *testing.T) (*Tracing, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tr, err := New(t.Context(), "v1", sdktrace.WithSpanProcessor(spans))
	require.NoError(t, err)
	require.NotNil(t, tr.Statements())
	return tr, spans
}

func TestACallToAPlatformIsASpanWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	tr, spans := recorded(t)
	status := http.StatusOK
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			t.Error("the platform is told of the trace")
		}
		w.WriteHeader(status)
	}))
	call := func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, platform.URL+"/sns/jscode2session?secret=hunter2", http.NoBody)
		require.NoError(t, err)
		if res, err := tr.Calls(http.DefaultTransport).RoundTrip(r); err == nil {
			require.NoError(t, res.Body.Close())
		}
	}
	call()
	status = http.StatusBadGateway
	call()
	platform.Close()
	call()
	ended := spans.Ended()
	require.Len(t, ended, 3)
	for i, want := range []codes.Code{codes.Unset, codes.Error, codes.Error} {
		require.Equal(t, "wechat jscode2session", ended[i].Name())
		require.Equal(t, want, ended[i].Status().Code)
		require.NotContains(t, ended[i].Status().Description, "hunter2")
		for _, a := range ended[i].Attributes() {
			require.NotContains(t, a.Value.String(), "hunter2")
		}
	}
}

func TestARequestIsASpanOfItsCallersTraceAndAProbeIsNone(t *testing.T) {
	t.Parallel()
	tr, spans := recorded(t)
	e := echo.New()
	e.Use(tr.Requests()...)
	for _, path := range []string{"/healthz", "/readyz", "/api/:id"} {
		e.GET(path, func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	}
	for _, path := range []string{"/healthz", "/readyz", "/api/7"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		e.ServeHTTP(httptest.NewRecorder(), r)
	}
	ended := spans.Ended()
	require.Len(t, ended, 1)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", ended[0].SpanContext().TraceID().String())
	require.Contains(t, ended[0].Name(), "/api/:id")
}

func TestTheLastSpansAreSentBeforeTheProcessEnds(t *testing.T) {
	t.Parallel()
	c := &receiver{}
	tr, err := Start(t.Context(), "v1", Receiver{Endpoint: c.start(t), Timeout: 5 * time.Second})
	require.NoError(t, err)
	_, span := tr.provider.Tracer(scope).Start(t.Context(), "the last")
	span.End()
	require.NoError(t, tr.Stop(t.Context()))
	require.EqualValues(t, 1, c.asked.Load())
}

func TestAMalformedResourceIsToldByItsName(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "no equals sign")
	_, err := New(t.Context(), "v1")
	require.ErrorContains(t, err, "OTEL_RESOURCE_ATTRIBUTES")
}
