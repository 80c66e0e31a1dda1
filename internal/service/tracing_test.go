package service

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/internal/tracing"
)

func inMemory(t *testing.T) (*tracing.Tracing, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	traces, err := tracing.New(t.Context(), "test", sdktrace.WithSyncer(spans))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, traces.Stop(context.Background())) })
	return traces, spans
}

// tree maps each span of a trace to its parent's name.
func tree(spans tracetest.SpanStubs) map[string]string {
	names := map[trace.SpanID]string{}
	for _, s := range spans {
		names[s.SpanContext.SpanID()] = s.Name
	}
	out := map[string]string{}
	for _, s := range spans {
		out[s.Name] = names[s.Parent.SpanID()]
	}
	return out
}

func TestOneLoginIsOneTreeFromTheRouteToWeChatAndTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Migrated(t))
	traces, spans := inMemory(t)
	w.tracing = traces
	p := w.pod()
	alice := p.signIn("alice")
	spans.Reset()

	code := w.code(appID, "alice")
	a := p.do("POST", "/api/v1/auth/login?secret=in-the-query", "", map[string]any{"appId": appID, "code": code},
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	require.Equal(t, 200, a.status)
	const route = "POST /api/v1/auth/login"
	all := spans.GetSpans()
	got := tree(all)
	require.Contains(t, got, route)
	require.Equal(t, route, got["wechat jscode2session"])
	statement := ""
	for name, parent := range got {
		if strings.HasPrefix(name, "batch") && parent == route {
			statement = name
		}
	}
	require.NotEmpty(t, statement, "%v", got)
	for _, s := range all {
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", s.SpanContext.TraceID().String(), "one trace, the caller's: %s", s.Name)
	}

	spans.Reset()
	require.Equal(t, 200, p.refresh(alice.refresh).status)
	got = tree(spans.GetSpans())
	const refresh = "POST /api/v1/auth/refresh"
	require.Contains(t, got, refresh)
	delete(got, refresh)
	require.NotEmpty(t, got)
	for name, parent := range got {
		require.NotEmpty(t, parent, "%s hangs in the tree", name)
	}

	// What was traced, printed as a whole, tells no secret.
	text := fmt.Sprintf("%+v %+v", all, spans.GetSpans())
	for _, secret := range []string{code, appSecret, alice.refresh, alice.access, a.text("refreshToken"), "in-the-query"} {
		require.NotContains(t, text, secret)
	}
}

func TestProbesAndPollsAreNotTraced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Migrated(t))
	traces, spans := inMemory(t)
	w.tracing = traces
	p := w.pod()
	require.Equal(t, 200, p.do("GET", "/healthz", "", nil).status)
	require.Equal(t, 200, p.do("GET", "/readyz", "", nil).status)
	time.Sleep(1200 * time.Millisecond) // two polls for revocations
	require.Empty(t, spans.GetSpans())
}

func TestTracesGoWhereTheEnvironmentSays(t *testing.T) {
	var got atomic.Int32
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" && r.Header.Get("Content-Type") == "application/x-protobuf" {
			got.Add(1)
		}
	}))
	defer collector.Close()
	off, err := startTracing(t.Context(), "test")
	require.NoError(t, err)
	require.Nil(t, off, "nobody asked")

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	on, err := startTracing(t.Context(), "test")
	require.NoError(t, err)
	w := newSQLiteWorld(t)
	w.tracing = on
	p := w.pod()
	p.signIn("alice")
	require.NoError(t, on.Stop(t.Context()))
	require.Positive(t, got.Load())

	for name, value := range map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_SDK_DISABLED": "true"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			off, err := startTracing(t.Context(), "test")
			require.NoError(t, err)
			require.Nil(t, off)
		})
	}
	t.Run("a protocol that is not spoken", func(t *testing.T) {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
		_, err := startTracing(t.Context(), "test")
		require.EqualError(t, err, "OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, the one protocol that is spoken here")
	})
	t.Run("an exporter that is not there", func(t *testing.T) {
		t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
		_, err := startTracing(t.Context(), "test")
		require.ErrorContains(t, err, "OTEL_TRACES_EXPORTER")
	})
}
