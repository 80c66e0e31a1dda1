package config

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wugan/wugan/internal/tracing"
)

// TraceReceiver reads where traces go from OpenTelemetry's own variables
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/); the SDK reads
// those about sampling and batches by itself. Without a word about traces there
// are none: the result is nil.
func TraceReceiver() (*tracing.Receiver, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	// What is set for traces alone goes before what is set for every signal.
	get := func(name string) (key, value string) {
		for _, key := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
			if value := os.Getenv(key); value != "" {
				return key, value
			}
		}
		return "OTEL_EXPORTER_OTLP_" + name, ""
	}
	endpointKey, endpoint := get("ENDPOINT")
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); {
	case exporter == "none", exporter == "" && endpoint == "":
		return nil, nil
	case exporter != "" && exporter != "otlp":
		return nil, Error{"OTEL_TRACES_EXPORTER", "expected otlp or none"}
	}
	if key, value := get("PROTOCOL"); value != "" && value != "http/protobuf" {
		return nil, Error{key, "expected http/protobuf, the one protocol that is spoken here"}
	}
	to := &tracing.Receiver{Timeout: 10 * time.Second, Headers: http.Header{}}
	if endpoint == "" {
		endpoint = "http://localhost:4318"
	}
	var err error
	if to.Endpoint, err = url.Parse(endpoint); err != nil || !absoluteHTTP(endpoint) {
		return nil, Error{endpointKey, "expected an address such as http://localhost:4318"}
	}
	if endpointKey != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" {
		to.Endpoint = to.Endpoint.JoinPath("v1", "traces")
	}
	key, headers := get("HEADERS")
	for pair := range strings.SplitSeq(headers, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); err != nil || !found || name == "" || strings.ContainsAny(name+value, "\r\n") {
			return nil, Error{key, "expected name=value,name=value"}
		}
		to.Headers.Add(name, value)
	}
	if key, value := get("TIMEOUT"); value != "" {
		ms, err := strconv.ParseUint(value, 10, 31)
		if err != nil || ms == 0 {
			return nil, Error{key, "expected milliseconds"}
		}
		to.Timeout = time.Duration(ms) * time.Millisecond
	}
	switch key, value := get("COMPRESSION"); value {
	case "gzip":
		to.Gzip = true
	case "", "none":
	default:
		return nil, Error{key, "expected gzip or none"}
	}
	if key, path := get("CERTIFICATE"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, Error{key, "expected a file that can be read: " + Reason(err)}
		}
		to.RootCAs = x509.NewCertPool()
		if !to.RootCAs.AppendCertsFromPEM(pem) {
			return nil, Error{key, "expected a file of certificates in PEM form"}
		}
	}
	return to, nil
}
