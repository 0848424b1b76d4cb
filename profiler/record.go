package profiler

import "time"

// Recorded is a call that somebody else measured, such as a span of another process.
type Recorded struct {
	// Start is when it began, and Duration how long it took.
	Start    time.Time
	Duration time.Duration
	// Nested is the part of Duration in which calls inside it ran.
	Nested time.Duration
	// Err is its failure, if Failed.
	Failed bool
	Err    string
	// TraceID and Labels are kept with a call that was slow or failed; at most 8 labels.
	TraceID string
	Labels  map[string]string
}

// Record counts a call that was measured elsewhere, now: it lands in the recent window however long ago
// it was.
func (p *Profiler) Record(name string, r Recorded) {
	if p == nil || !p.enabled.Load() {
		return
	}
	fn, nanos := p.method(name), int64(max(r.Duration, 0))
	fn.childNanos.Add(uint64(min(max(int64(r.Nested), 0), nanos)))
	fn.record(nanos, p.now(), 1)
	if r.Failed {
		fn.errors.Add(1)
	}
	slow := nanos >= p.threshold.Load()
	if !slow && !r.Failed {
		return
	}
	e := Exemplar{Time: r.Start, Seconds: seconds(nanos), TraceID: cleanText(r.TraceID, maxLabelBytes)}
	if r.Failed {
		e.Error = cleanText(r.Err, maxErrorBytes)
	}
	for key, value := range r.Labels {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		if len(e.Labels) < maxLabels {
			e.Labels[cleanText(key, maxLabelBytes)] = cleanText(value, maxLabelBytes)
		}
	}
	fn.keep(e, slow, r.Failed, int(p.maxExemplars.Load()))
}
