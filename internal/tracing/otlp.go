package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver is the destination of spans: OTLP over HTTP, in protobuf
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp). The fields are the
// OTEL_EXPORTER_OTLP_* settings of the same name.
//
// OpenTelemetry's own client for this is not used because it brings gRPC along,
// which alone made the program a third larger and its memory a fifth.
type Receiver struct {
	Endpoint *url.URL // with the path, as in http://localhost:4318/v1/traces
	Headers  http.Header
	Timeout  time.Duration // for one batch, repetitions included
	Gzip     bool
	RootCAs  *x509.CertPool // nil: the system's
}

// sender implements otlptrace.Client.
type sender struct {
	to     Receiver
	client *http.Client
	pause  time.Duration
}

func newSender(to Receiver) *sender {
	return &sender{to: to, pause: time.Second, client: &http.Client{
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: to.RootCAs, MinVersion: tls.VersionTLS12},
			MaxIdleConns:      1,
			IdleConnTimeout:   time.Minute,
			ForceAttemptHTTP2: true,
		},
		// A header with a key must not follow to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

var _ otlptrace.Client = (*sender)(nil)

// Start implements otlptrace.Client.
func (s *sender) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (s *sender) Stop(context.Context) error {
	s.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. It retries while the receiver is busy, until
// the timeout. Spans that the receiver refuses are lost.
func (s *sender) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData and ExportTraceServiceRequest are the same on the wire; the
	// latter's package is the one that needs gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("tracing: encode: %w", err)
	}
	if s.to.Gzip {
		var small bytes.Buffer
		w := gzip.NewWriter(&small)
		_, werr := w.Write(body)
		if err := errors.Join(werr, w.Close()); err != nil {
			return fmt.Errorf("tracing: compress: %w", err)
		}
		body = small.Bytes()
	}
	ctx, cancel := context.WithTimeout(ctx, s.to.Timeout)
	defer cancel()
	for pause := s.pause; ; pause *= 2 {
		again, err := s.send(ctx, body)
		if err == nil || !again {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// send makes one attempt and reports whether a retry makes sense.
func (s *sender) send(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to.Endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("tracing: the receiver's address cannot be used")
	}
	for name, values := range s.to.Headers {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	if s.to.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := s.client.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // without the address, which may hold a key
			err = at.Err
		}
		return true, fmt.Errorf("tracing: send: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("tracing: the receiver answered %s", answer.Status)
}
