package balancer

import (
	"context"
	"time"
)

// Trace is what happened to one request, for the one who sent it. It is complete when
// RoundTrip or Do has returned.
type Trace struct {
	// Server is the id of the server that was tried last, empty when there was none.
	Server string
	// Attempts are the servers tried, repeats included.
	Attempts int
	// UpstreamHeaderTime is how long the last attempt took until the response headers came
	// or it failed. What a proxy adds itself is the time to its own headers minus this
	// (and minus earlier attempts).
	UpstreamHeaderTime time.Duration
	// UpstreamTime is the sum of the same over all attempts.
	UpstreamTime time.Duration
}

type traceKey struct{}

// WithTrace returns a context whose next request through a pool fills in the trace. Use
// one for each request.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

// traceOf returns the trace to fill in; nobody may want it, but it is there.
func traceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}
