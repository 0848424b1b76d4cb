package upshift

import (
	"context"
	"slices"
	"time"

	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/gateway"
)

// adminDrain is how long the admin plane may finish its answers when it stops.
const adminDrain = 2 * time.Second

// liveWindow is what the rates of a frame look back over.
const liveWindow = 10

// frame makes the frames of the event "metrics": the newest stored point, with the rates
// of the gateway over the last seconds in place of those since the last beat.
type frame struct {
	m *Manager
	// past are readings of the gateway's counters, a second apart, oldest first.
	past []reading
	// failed is whether the last frame could not be made, so that the log says it once.
	failed bool
}

// reading is the gateway's counters at one time.
type reading struct {
	at    time.Time
	stats gateway.Stats
}

func newFrame(m *Manager) *frame { return &frame{m: m} }

// publish sends one frame to whoever listens. Without listeners it only keeps the
// reading.
func (f *frame) publish(ctx context.Context, at time.Time) {
	now := reading{at: at, stats: f.m.Gateway.Stats()}
	if len(f.past) > liveWindow {
		f.past = slices.Delete(f.past, 0, 1)
	}
	f.past = append(f.past, now)
	if f.m.API == nil || f.m.API.Hub().Clients() == 0 {
		return
	}
	v, err := f.m.API.Live(ctx)
	if err != nil {
		if !f.failed {
			f.m.logger.Warn("no live figures for dashboards", "err", err)
		}
		f.failed = true
		return
	}
	f.failed = false
	if v.Current.Enabled {
		rates(&v.Current, f.past[0], now)
	}
	f.m.API.Hub().Publish(api.EventMetrics, v)
}

// rates replaces what is counted per second by the figures between two readings.
func rates(c *api.CurrentPoint, from, to reading) {
	seconds := to.at.Sub(from.at).Seconds()
	if seconds <= 0 {
		return // the first frame: what was stored last stands
	}
	requests := float64(to.stats.Requests - from.stats.Requests)
	failed := float64(to.stats.ByClass["5xx"] - from.stats.ByClass["5xx"])
	spent := to.stats.MeanSeconds*float64(to.stats.Requests) - from.stats.MeanSeconds*float64(from.stats.Requests)
	c.RequestsPerSecond, c.ResponseTime, c.ErrorRate = requests/seconds, 0, 0
	if requests > 0 {
		c.ResponseTime, c.ErrorRate = 1000*max(spent, 0)/requests, 100*failed/requests
	}
}
