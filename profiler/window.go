package profiler

import (
	"sync"
	"time"
)

// The recent window is the difference between now and a mark, a snapshot of a function's
// cumulative counts. Marks are taken by the calls and readers that find one due, so a
// record pays one atomic load for the window.
const (
	windowSpan = int64(60 * time.Second)
	markEvery  = int64(15 * time.Second)
	// maxMarks reach back at least windowSpan plus markEvery.
	maxMarks = 6
)

// window keeps the marks of one function, oldest first.
type window struct {
	mu    sync.Mutex // guards marks
	marks []mark
}

// mark is what had been counted at a time. Since no call ended between lastCall and at,
// it stands for any time between the two.
type mark struct {
	lastCall, at int64
	packed       []byte // counts
	sumNanos     uint64
	errors       uint64
	untimed      uint64
	covered      uint64 // of untimed
}

func (w *window) start(now int64) {
	w.marks = append(make([]mark, 0, 1), mark{lastCall: now, at: now})
}

// mark takes a mark if one is due at the time now.
func (fn *function) mark(now int64) {
	fn.window.mu.Lock()
	defer fn.window.mu.Unlock()
	if now < fn.nextMark.Load() {
		return // another call was first
	}
	fn.nextMark.Store(now + markEvery)
	w := &fn.window
	if len(w.marks) == maxMarks {
		copy(w.marks, w.marks[1:])
		w.marks = w.marks[:maxMarks-1]
	}
	last := max(fn.lastNanos.Load(), w.marks[len(w.marks)-1].lastCall)
	w.marks = append(w.marks, mark{
		lastCall: min(last, now),
		at:       now,
		packed:   fn.total.snapshot().pack(),
		sumNanos: fn.sumNanos.Load(),
		errors:   fn.errors.Load(),
		untimed:  fn.sampler.untimed.Load(),
		covered:  fn.sampler.covered.Load(),
	})
}

// recent returns the statistics since the newest mark that stands for a time at least
// windowSpan ago, or since the first mark.
func (fn *function) recent(now int64) Window {
	if now >= fn.nextMark.Load() {
		fn.mark(now)
	}
	m := fn.window.before(now - windowSpan)
	c := fn.total.snapshot().minus(unpack(m.packed))
	w := Window{
		SpanSeconds: seconds(max(now-m.at, min(windowSpan, now-m.lastCall))),
		Calls:       c.total + fn.sampler.untimed.Load() - m.untimed,
		Errors:      fn.errors.Load() - m.errors,
	}
	if c.total == 0 {
		return w
	}
	covered := c.total + fn.sampler.covered.Load() - m.covered
	w.MeanSeconds = float64(fn.sumNanos.Load()-m.sumNanos) / 1e9 / float64(covered)
	w.P50Seconds, w.P95Seconds, w.P99Seconds = c.quantile(0.5)/1e9, c.quantile(0.95)/1e9, c.quantile(0.99)/1e9
	return w
}

func (w *window) before(cutoff int64) mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.marks) - 1; i > 0; i-- {
		if w.marks[i].lastCall <= cutoff {
			return w.marks[i]
		}
	}
	return w.marks[0]
}
