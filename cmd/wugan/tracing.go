package main

import (
	"context"

	"github.com/wugan/wugan/internal/tracing"
)

// startTracing starts the export of traces where the environment asks for it;
// nil where it does not.
func startTracing(ctx context.Context) (*tracing.Tracing, error) {
	to, err := traceReceiver()
	if err != nil || to == nil {
		return nil, err
	}
	return tracing.Start(ctx, version, *to)
}
