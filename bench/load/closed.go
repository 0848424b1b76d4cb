package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Closed keeps n connections busy with one path for a length of time and returns the
// answers a second. A failed request is an error: a target that sheds load has no
// throughput to compare.
func Closed(ctx context.Context, target Target, path string, n int, length time.Duration) (float64, error) {
	req := request(target.Addr, path)
	conns, err := warm(ctx, target, n, req)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var answers atomic.Int64
	var workers sync.WaitGroup
	start := time.Now()
	for _, c := range conns {
		workers.Go(func() {
			defer c.close()
			for ctx.Err() == nil && time.Since(start) < length {
				if err := c.exchange(ctx, req); err != nil {
					cancel(fmt.Errorf("load %s: %w", target.Name, err)) // one failure ends the run
					return
				}
				answers.Add(1)
			}
		})
	}
	workers.Wait()
	return float64(answers.Load()) / time.Since(start).Seconds(), context.Cause(ctx)
}
