package service

import (
	"context"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/tracing"
)

// startTracing starts the export of traces where the environment asks for it;
// nil where it does not.
func startTracing(ctx context.Context, version string) (*tracing.Tracing, error) {
	to, err := config.TraceReceiver()
	if err != nil || to == nil {
		return nil, err
	}
	return tracing.Start(ctx, version, *to)
}
