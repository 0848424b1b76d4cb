package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// ClockResolution is how coarse the clock of reads is while [Group.Run] runs.
const ClockResolution = 10 * time.Millisecond

// restAfter is how many ticks without a read put the coarse clock to rest.
const restAfter = 200

// clock tells monotonic nanoseconds since the group was made. Reading the system's clock costs
// more than finding an entry, so while run runs, coarse returns the time of its last tick. With
// nobody reading it rests, and an idle process is not woken.
type clock struct {
	base time.Time
	// ticked is the time of the last tick; zero: not ticking, read the precise clock.
	ticked  atomic.Int64
	read    atomic.Bool
	resting atomic.Bool
	wake    chan struct{}
}

func newClock() *clock { return &clock{base: time.Now(), wake: make(chan struct{}, 1)} }

// now is the precise time. It is never zero.
func (c *clock) now() int64 { return int64(time.Since(c.base)) + 1 }

// coarse is at most ClockResolution behind now, as long as the process gets to run.
func (c *clock) coarse() int64 {
	t := c.ticked.Load()
	if t == 0 {
		return c.precise()
	}
	if !c.read.Load() {
		c.read.Store(true)
	}
	return t
}

// precise is coarse while the clock does not tick.
func (c *clock) precise() int64 {
	if c.resting.CompareAndSwap(true, false) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	return c.now()
}

// wall turns a time of this clock into one for people.
func (c *clock) wall(t int64) time.Time { return c.base.Add(time.Duration(t - 1)).UTC() }

// run ticks until ctx ends.
func (c *clock) run(ctx context.Context) {
	defer func() {
		c.ticked.Store(0)
		c.resting.Store(false)
	}()
	for {
		if !c.tick(ctx) {
			return
		}
		c.ticked.Store(0)
		c.resting.Store(true)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
	}
}

// tick keeps the coarse time until nobody reads it (true) or ctx ends (false).
func (c *clock) tick(ctx context.Context) bool {
	ticker := time.NewTicker(ClockResolution)
	defer ticker.Stop()
	c.ticked.Store(c.now())
	for unread := 0; unread < restAfter; unread++ {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
		c.ticked.Store(c.now())
		if c.read.Swap(false) {
			unread = 0
		}
	}
	return true
}
