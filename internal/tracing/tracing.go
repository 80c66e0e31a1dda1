// Package tracing creates the spans of this service and exports them by OTLP over
// HTTP. A trace has one span for the HTTP route and one for each SQL statement and
// each call to a platform. If tracing is off, no code of this package runs. The SDK
// reads the OTEL_* variables for sampling, batches, limits and the service's name.
//
// No span contains a query string, a header, a body or a parameter of a statement,
// because those may contain codes, tokens and secrets.
package tracing

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// serviceName is the service's where OTEL_SERVICE_NAME names none.
const serviceName = "wugan"

// scope names our own spans' origin.
const scope = "github.com/wugan/wugan/internal/tracing"

// Tracing creates and exports spans. The methods of the nil *Tracing create none.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// Start returns a Tracing that sends its spans to a receiver. It does not wait for
// the receiver. Spans that cannot be sent are dropped.
func Start(ctx context.Context, version string, to Receiver) (*Tracing, error) {
	return New(ctx, version, sdktrace.WithBatcher(otlptrace.NewUnstarted(newSender(to))))
}

// New returns a Tracing with the options of the SDK: where the spans go.
func New(ctx context.Context, version string, options ...sdktrace.TracerProviderOption) (*Tracing, error) {
	// The environment comes last and wins.
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: expected OTEL_RESOURCE_ATTRIBUTES of the form name=value,name=value: %w", err)
	}
	return &Tracing{provider: sdktrace.NewTracerProvider(append(options, sdktrace.WithResource(about))...)}, nil
}

// stopWithin is how long the last spans may take to be sent.
const stopWithin = 3 * time.Second

// Stop sends what is left.
func (t *Tracing) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("tracing: the last spans were not sent: %w", err)
	}
	return nil
}

// Requests returns the middleware that traces requests, except probes. The span is a
// child of the caller's span if the request has a traceparent header (W3C Trace
// Context).
func (t *Tracing) Requests() []echo.MiddlewareFunc {
	if t == nil {
		return nil
	}
	return []echo.MiddlewareFunc{otelecho.Middleware(serviceName,
		otelecho.WithTracerProvider(t.provider),
		otelecho.WithPropagators(propagation.TraceContext{}),
		otelecho.WithSkipper(func(c echo.Context) bool { return c.Path() == "/healthz" || c.Path() == "/readyz" }),
	)}
}

// Statements returns the tracer for postgres.WithTracer, or nil if tracing is off.
// Refreshes and logins that share a statement share its span, which belongs to the
// first of the requests.
func (t *Tracing) Statements() pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return otelpgx.NewTracer(
		otelpgx.WithTracerProvider(t.provider),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
	)
}

// Calls traces the calls to WeChat, each named by the last part of its path,
// for wechat.Config.Around.
func (t *Tracing) Calls(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return &calls{next: next, tracer: t.provider.Tracer(scope)}
}

type calls struct {
	next   http.RoundTripper
	tracer trace.Tracer
}

// RoundTrip implements http.RoundTripper. The span contains neither the address,
// whose query holds the AppSecret, nor the error, which may contain the address. No
// tracing header is sent to the platform.
func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := c.tracer.Start(r.Context(), "wechat "+path.Base(r.URL.Path), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("server.address", r.URL.Hostname()),
			attribute.String("url.path", r.URL.Path),
		))
	defer span.End()
	answer, err := c.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return nil, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	if answer.StatusCode >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	return answer, nil
}
