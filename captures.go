package upshift

import (
	"context"
	"path/filepath"
	"time"

	"github.com/sentientcore/upshift/profiler/capture"
)

func (m *Manager) openCaptures(context.Context) error {
	cfg := m.Config()
	r, err := capture.Open(filepath.Join(cfg.DataDir, "captures"), cfg.Profiler.Capture, capture.Signals{
		Profiler:   m.Profiler,
		Slowest:    m.slowest,
		MemoryUsed: func() float64 { return m.Memory.Stats().UsedRatio },
	})
	if err != nil {
		return err
	}
	m.Captures = r
	return m.Registry.Register(r)
}

func (m *Manager) runCaptures(ctx context.Context) error { return m.Captures.Run(ctx) }

func (m *Manager) closeCaptures(context.Context) error { return m.Captures.Close() }

// leastSlowCalls is how many calls of the last minute make a p99 one to act on.
const leastSlowCalls = 100

// slowest is the function with the greatest p99 of the last minute.
func (m *Manager) slowest() (name string, p99 time.Duration) {
	for _, f := range m.Profiler.Functions() {
		if d := time.Duration(f.Recent.P99Seconds * float64(time.Second)); f.Recent.Calls >= leastSlowCalls && d > p99 {
			name, p99 = f.Name, d
		}
	}
	return name, p99
}
