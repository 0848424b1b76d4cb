package upshift

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/api"
)

// firstRate is when the second beat comes at the latest: rates need two.
const firstRate = 2 * time.Second

// liveEvery is how often connected dashboards get a frame.
const liveEvery = time.Second

// heartbeat is the one tick: gather → append → evaluate → publish, always in this
// order, so that an alert always speaks of data that a chart can show. Where metrics are
// off it only publishes.
type heartbeat struct {
	m     *Manager
	every atomic.Int64 // nanoseconds
	wake  chan struct{}
	// lastError is what the last beat could not do; nil when it went well.
	lastError atomic.Pointer[error]
	// told are the findings of the last beat: the digest and the priority by id.
	told map[string][2]string
}

func newHeartbeat(m *Manager, every time.Duration) *heartbeat {
	h := &heartbeat{m: m, wake: make(chan struct{}, 1)}
	h.every.Store(int64(every))
	return h
}

// setEvery changes the interval; the next beat follows the new one.
func (h *heartbeat) setEvery(every time.Duration) {
	if h.every.Swap(int64(every)) == int64(every) {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// Run beats until ctx ends, and once more then, so that the last interval is kept.
func (h *heartbeat) Run(ctx context.Context) error {
	live := time.NewTicker(liveEvery)
	defer live.Stop()
	beat := time.NewTimer(0) // the first beat at once: charts have a point from the start
	defer beat.Stop()
	frame := newFrame(h.m)
	early := true
	for {
		select {
		case <-ctx.Done():
			return h.beat(context.WithoutCancel(ctx), time.Now())
		case at := <-live.C:
			frame.publish(ctx, at)
		case <-h.wake:
			beat.Reset(time.Duration(h.every.Load()))
		case at := <-beat.C:
			next := time.Duration(h.every.Load())
			if early {
				next, early = min(next, firstRate), false
			}
			beat.Reset(next)
			if err := h.beat(ctx, at); ctx.Err() == nil { // one that the end cut short is no fault
				h.note(err)
			}
		}
	}
}

// note keeps the outcome of a beat for /status and logs its changes.
func (h *heartbeat) note(err error) {
	before := h.lastError.Swap(&err)
	wasBad := before != nil && *before != nil
	switch {
	case err != nil && !wasBad:
		h.m.logger.Error("metrics cannot be stored, will keep trying", "err", err)
	case err == nil && wasBad:
		h.m.logger.Info("metrics are stored again")
	}
}

func (h *heartbeat) beat(ctx context.Context, at time.Time) error {
	defer h.recommend()
	if h.m.Metrics == nil {
		return nil
	}
	families, gatherErr := h.m.Registry.Gather()
	if gatherErr != nil {
		gatherErr = fmt.Errorf("gather: %w", gatherErr)
	}
	if _, err := h.m.Metrics.Append(ctx, at, families); err != nil {
		return errors.Join(gatherErr, fmt.Errorf("append: %w", err))
	}
	transitions, err := h.m.Alerts.Evaluate(ctx, at)
	if err != nil {
		err = fmt.Errorf("evaluate alerts: %w", err)
	}
	for _, t := range transitions {
		h.publish(api.EventAlert, t)
	}
	return errors.Join(gatherErr, err)
}

// recommend publishes the findings that are new since the last beat, or more or less urgent,
// and that nobody dismissed.
func (h *heartbeat) recommend() {
	if h.m.API == nil {
		return
	}
	now := map[string][2]string{}
	for _, f := range h.m.API.Findings(h.m.Snapshot()) {
		if f.State != api.FindingOpen {
			continue
		}
		now[f.ID] = [2]string{f.Digest, f.Priority}
		if h.told[f.ID] != now[f.ID] {
			h.publish(api.EventRecommendation, f)
		}
	}
	h.told = now
}

func (h *heartbeat) publish(event string, v any) {
	if h.m.API != nil {
		h.m.API.Hub().Publish(event, v)
	}
}
