package memory

import (
	"context"
	"time"
)

// Run looks for leaks, every ten seconds, while that is switched on. It blocks until ctx ends
// and returns nil. Run it once.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(leakEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			m.leaks.sample(now)
		}
	}
}
