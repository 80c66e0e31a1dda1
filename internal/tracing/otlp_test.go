package tracing

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector that answers with the statuses given, then with 200.
type receiver struct {
	statuses []int
	asked    atomic.Int32
	header   http.Header
	got      tracepb.TracesData
}

func (c *receiver) start(t *testing.T) *url.URL {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(c.asked.Add(1))
		if n <= len(c.statuses) {
			w.WriteHeader(c.statuses[n-1])
			return
		}
		c.header = r.Header
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unpacked, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unpacked
		}
		data, err := io.ReadAll(body)
		if err != nil || proto.Unmarshal(data, &c.got) != nil {
			t.Error("not what OTLP says")
		}
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL + "/v1/traces")
	require.NoError(t, err)
	return u
}

// one sends one span.
func one(t *testing.T, to Receiver) error {
	t.Helper()
	s := newSender(to)
	s.pause = time.Millisecond
	exporter := otlptrace.NewUnstarted(s)
	tr, err := New(t.Context(), "v1", sdktrace.WithSyncer(exporter))
	require.NoError(t, err)
	_, span := tr.provider.Tracer(scope).Start(t.Context(), "a span")
	span.End()
	return exporter.Shutdown(context.Background())
}

func TestASpanArrivesAsOTLPSays(t *testing.T) {
	t.Parallel()
	for _, packed := range []bool{false, true} {
		c := &receiver{}
		to := Receiver{Endpoint: c.start(t), Timeout: 5 * time.Second, Gzip: packed, Headers: http.Header{"api-key": {"abc"}}}
		require.NoError(t, one(t, to))
		require.Equal(t, "abc", c.header.Get("Api-Key"))
		require.Equal(t, "application/x-protobuf", c.header.Get("Content-Type"))
		spans := c.got.GetResourceSpans()
		require.Len(t, spans, 1)
		require.Equal(t, "a span", spans[0].GetScopeSpans()[0].GetSpans()[0].GetName())
		names := map[string]string{}
		for _, a := range spans[0].GetResource().GetAttributes() {
			names[a.GetKey()] = a.GetValue().GetStringValue()
		}
		require.Equal(t, "wugan", names["service.name"])
		require.Equal(t, "v1", names["service.version"])
	}
}

func TestABusyReceiverIsAskedAgainAndARefusalIsNot(t *testing.T) {
	t.Parallel()
	busy := &receiver{statuses: []int{503, 429, 502}}
	require.NoError(t, one(t, Receiver{Endpoint: busy.start(t), Timeout: 5 * time.Second}))
	require.EqualValues(t, 4, busy.asked.Load())
	refusing := &receiver{statuses: []int{400}}
	require.NoError(t, one(t, Receiver{Endpoint: refusing.start(t), Timeout: 5 * time.Second}))
	require.EqualValues(t, 1, refusing.asked.Load())
}

func TestAnAddressWithAKeyStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("http://127.0.0.1:1/v1/traces?key=hunter2")
	require.NoError(t, err)
	s := newSender(Receiver{Endpoint: u, Timeout: 100 * time.Millisecond})
	err = s.UploadTraces(t.Context(), nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestWithoutTracesNothingIsWrapped(t *testing.T) {
	t.Parallel()
	var none *Tracing
	require.Nil(t, none.Requests())
	require.Nil(t, none.Statements())
	require.Equal(t, http.DefaultTransport, none.Calls(http.DefaultTransport))
	require.NoError(t, none.Stop(t.Context()))
}
