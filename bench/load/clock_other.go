//go:build !linux

package load

import (
	"context"
	"time"
)

// clock wakes at given times, as exactly as the runtime's timers do.
type clock struct{ start time.Time }

func newClock() (*clock, error) { return &clock{start: time.Now()}, nil }

func (c *clock) release() {}

func (c *clock) waitUntil(ctx context.Context, at time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(at - time.Since(c.start)):
		return true
	}
}
