package main

import (
	"context"

	"github.com/wugan/wugan/tracing"
)

// startTracing starts the export of traces where the environment asks for it;
// nil where it does not.
func startTracing(ctx context.Context) (*tracing.Tracing, error) {
	wanted, err := tracesWanted()
	if err != nil || !wanted {
		return nil, err
	}
	return tracing.Start(ctx, version)
}
