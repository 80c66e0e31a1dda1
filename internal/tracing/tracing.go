// Package tracing owns the spans of this service: one tree a request, from the
// HTTP route through the statements that it sent and the calls to WeChat. It
// exports them by OTLP over HTTP. Where tracing is off, nothing here
// runs. Of the OTEL_* variables the SDK reads those about sampling, batches and
// limits by itself, and those that name the service.
//
// No span holds an address with a query, a header, a body or the value of a
// statement's parameter: codes, tokens and secrets travel in those.
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

// Tracing makes and exports spans. The nil *Tracing makes none; its methods may
// be called all the same.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// Start makes a Tracing that sends its spans to a receiver. It does not wait for
// the receiver: spans that cannot be sent are dropped in the end.
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

// Requests traces the requests that echo serves, but for the probes. A caller's
// traceparent header (W3C Trace Context) makes the span a child of theirs.
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

// Statements traces what is sent to PostgreSQL, for postgres.WithTracer; nil
// where nothing is traced. Refreshes and logins that share a statement share its
// span, which belongs to the request that came first.
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

// RoundTrip implements http.RoundTripper. Neither the address, whose query holds
// the AppSecret, nor the error, which may repeat it, gets into the span; and no
// header of ours goes to WeChat.
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
