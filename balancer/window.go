package balancer

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// tally sums response times and outcomes.
type tally struct {
	answered uint64 // calls with a response time
	nanos    uint64
	failed   uint64
	ended    uint64 // answered or not, cancelled ones left out
}

func (t *tally) add(o tally) {
	t.answered += o.answered
	t.nanos += o.nanos
	t.failed += o.failed
	t.ended += o.ended
}

func (t tally) meanSeconds() float64 {
	if t.answered == 0 {
		return 0
	}
	return float64(t.nanos) / float64(t.answered) / 1e9
}

func (t tally) errorRatio() float64 {
	if t.ended == 0 {
		return 0
	}
	return float64(t.failed) / float64(t.ended)
}

// latencyBuckets: eight to an octave from 1 µs up to some 76 hours.
const latencyBuckets = 8 * 38

// history holds what ended at a server in the last one to two minutes, and in all.
// It is guarded by the server's lock.
type history struct {
	all        tally
	now, last  minute
	began      int64 // when now began
	perSecond  [rateSeconds + 1]uint32
	lastSecond int64
}

type minute struct {
	tally
	buckets [latencyBuckets]uint32
}

const rateSeconds = 10

// record notes the end of a call at now; latency below 0 means that it has none.
func (h *history) record(now, latency int64, failed bool) {
	h.turn(now)
	t := tally{ended: 1}
	if failed {
		t.failed = 1
	}
	if latency >= 0 {
		t.answered, t.nanos = 1, uint64(latency)
		h.now.buckets[bucketOf(latency)]++
	}
	h.all.add(t)
	h.now.add(t)
	h.perSecond[h.lastSecond%int64(len(h.perSecond))]++
}

// turn forgets what is too old.
func (h *history) turn(now int64) {
	switch age := now - h.began; {
	case age >= 2*int64(time.Minute):
		h.last, h.now, h.began = minute{}, minute{}, now
	case age >= int64(time.Minute):
		h.last, h.now, h.began = h.now, minute{}, h.began+int64(time.Minute)
	}
	second := now / int64(time.Second)
	for range min(second-h.lastSecond, int64(len(h.perSecond))) {
		h.lastSecond++
		h.perSecond[h.lastSecond%int64(len(h.perSecond))] = 0
	}
	if h.lastSecond < second { // a long silence: all is zero
		h.perSecond, h.lastSecond = [rateSeconds + 1]uint32{}, second
	}
}

// recent returns the last one to two minutes, or all time when nothing ended in them.
func (h *history) recent(now int64) tally {
	h.turn(now)
	t := h.now.tally
	t.add(h.last.tally)
	if t.ended == 0 {
		return h.all
	}
	return t
}

// rate returns calls per second over the last ten full seconds, or since the epoch while
// that is younger.
func (h *history) rate(now int64) float64 {
	h.turn(now)
	n := 0.0
	for i, c := range h.perSecond {
		if int64(i) != h.lastSecond%int64(len(h.perSecond)) || h.lastSecond == 0 {
			n += float64(c)
		}
	}
	return n / float64(min(max(h.lastSecond, 1), rateSeconds))
}

// quantile returns a response time of the last one to two minutes in seconds, at most 5 %
// off, zero when there was none.
func (h *history) quantile(q float64) float64 {
	total := h.now.answered + h.last.answered
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for i := range latencyBuckets {
		n := uint64(h.now.buckets[i]) + uint64(h.last.buckets[i])
		if n >= rank {
			return bucketMid(i)
		}
		rank -= n
	}
	return bucketMid(latencyBuckets - 1)
}

// bucketOf returns the bucket of a duration: the octave of its microseconds, and the three
// bits below the leading one.
func bucketOf(ns int64) int {
	us := uint64(max(ns, 0))/1000*8 + 8 // eighths of a microsecond, from 1 on
	octave := bits.Len64(us) - 4
	return min(octave*8+int(us>>octave&7), latencyBuckets-1)
}

// bucketMid returns the middle of a bucket in seconds.
func bucketMid(i int) float64 {
	octave, part := i/8, i%8
	low := math.Ldexp(float64(8+part), octave) - 8
	return (low + math.Ldexp(0.5, octave)) / 8 / 1e6
}

// outcomes counts how the calls of a pool ended, by the minute. The counts of the few calls
// that end in the very instant in which a minute takes over the place of an old one may be
// lost.
type outcomes [outcomeMinutes + 2]struct {
	minute            atomic.Int64
	succeeded, failed atomic.Uint64
}

// outcomeMinutes is how many full minutes count as recent, besides the one under way.
const outcomeMinutes = 5

// record notes the end of a call at now.
func (o *outcomes) record(now int64, ok bool) {
	minute := now / int64(time.Minute)
	m := &o[minute%int64(len(o))]
	if old := m.minute.Load(); old != minute && m.minute.CompareAndSwap(old, minute) {
		m.succeeded.Store(0)
		m.failed.Store(0)
	}
	if ok {
		m.succeeded.Add(1)
	} else {
		m.failed.Add(1)
	}
}

// recent adds up the minute under way and the full ones before it.
func (o *outcomes) recent(now int64) Outcomes {
	minute := now / int64(time.Minute)
	r := Outcomes{SuccessPercent: 100}
	for i := range o {
		if m := &o[i]; m.minute.Load() >= minute-outcomeMinutes {
			r.Succeeded += m.succeeded.Load()
			r.Failed += m.failed.Load()
		}
	}
	if ended := r.Ended(); ended > 0 {
		r.SuccessPercent = 100 * float64(r.Succeeded) / float64(ended)
	}
	return r
}
