package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Lognormal is a load of unequal calls that arrive independently of each other.
type Lognormal struct {
	Seed   uint64
	Length time.Duration
	// PerSecond is how many calls arrive on average.
	PerSecond float64
	// Mean is the mean work in seconds at speed 1, Sigma the spread of its logarithm.
	Mean, Sigma float64
	// HintSigma is how far the declared size is off: the spread of the logarithm of the
	// factor. Below 0 no size is declared.
	HintSigma float64
}

// Trace makes the calls. The same load makes the same calls, whoever places them.
func (l Lognormal) Trace() Trace {
	rnd := rand.New(rand.NewPCG(l.Seed, 0x6c6f6164))
	var t Trace
	for at := 0.0; ; {
		at += rnd.ExpFloat64() / l.PerSecond
		if at >= l.Length.Seconds() {
			return t
		}
		c := Call{
			At: time.Duration(at * float64(time.Second)), Luck: rnd.Uint64(),
			Work: l.Mean * math.Exp(l.Sigma*rnd.NormFloat64()-l.Sigma*l.Sigma/2),
		}
		if noise := math.Exp(l.HintSigma * rnd.NormFloat64()); l.HintSigma >= 0 {
			c.Hint = 1000 * c.Work * noise
		}
		t = append(t, c)
	}
}
