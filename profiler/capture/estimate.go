package capture

import (
	"math"

	"github.com/sentientcore/upshift/profiler"
)

// counted is the estimate for samples that all weigh the same and come at times independent of the
// calls: a Poisson count, with its exact interval by the approximation of Wilson and Hilferty (1931).
func (t tallied) counted() profiler.Estimate {
	e := t.estimate()
	if !e.Known {
		return e
	}
	n := t.samples
	root := func(n, z float64) float64 { return math.Pow(1-1/(9*n)+z/(3*math.Sqrt(n)), 3) * n }
	e.Low, e.High = e.PerCall*root(n, -z95)/n, e.PerCall*root(n+1, z95)/n
	return e
}

// weighed is the estimate for samples of different weight.
func (t tallied) weighed() profiler.Estimate {
	e := t.estimate()
	if !e.Known {
		return e
	}
	margin := (z95*math.Sqrt(t.variance) + t.least*t.value) / float64(t.calls)
	e.Low, e.High = max(e.PerCall-margin, 0), e.PerCall+margin
	return e
}

func (t tallied) estimate() profiler.Estimate {
	e := profiler.Estimate{Samples: uint64(math.Round(t.samples)), Calls: t.calls}
	switch {
	case t.calls == 0:
		e.Reason = "no calls"
	case e.Samples < leastSamples:
		e.Reason = TooFew
	default:
		e.Known, e.PerCall = true, t.value/float64(t.calls)
	}
	return e
}

// callSpans counts the calls made while the CPU profile is recorded, which may be in several parts.
type callSpans struct {
	count  func() map[string]uint64
	before map[string]uint64
	made   map[string]uint64
}

func (s *callSpans) began() { s.before = s.count() }

func (s *callSpans) ended() {
	if s.made == nil {
		s.made = map[string]uint64{}
	}
	for name, n := range s.count() {
		s.made[name] += n - min(s.before[name], n) // it may have been cleared
	}
}
