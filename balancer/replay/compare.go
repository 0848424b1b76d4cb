package replay

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/sim"
)

// Options of [Compare]. The zero value means all defaults.
type Options struct {
	// Plays is how many resampled logs are played through each strategy, 8 at least. Zero
	// means 24.
	Plays int
	// MaxCalls bounds the calls of each play. Zero means 20,000.
	MaxCalls int
	// Seed decides the resampling; the same seed gives the same verdict.
	Seed uint64
	// Progress is told the part that is done, 0 to 1; nil: nobody.
	Progress func(done float64)
}

const (
	defaultPlays = 24
	minPlays     = 8
	defaultCalls = 20_000
	// blocks is into how many pieces arrivals are cut to be drawn from: calls that are near
	// each other stay together.
	blocks = 20
	// warmUp is the part of a play in which a strategy learns and nothing counts.
	warmUp = 0.2
	// spreads is how many standard deviations make a 90 % interval, with some room for what
	// resampling does not show.
	spreads = 1.8
	// noWorse is by how much of a percent point success may differ.
	noWorse = 0.05
)

// Estimate is a value with its 90 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Outcome is how the log fared, or would have fared, under a strategy.
type Outcome struct {
	Strategy string `json:"strategy"`
	// P50 and P99 are response times in milliseconds, SuccessRate is in percent.
	P50         Estimate `json:"p50_ms"`
	P99         Estimate `json:"p99_ms"`
	SuccessRate Estimate `json:"success_rate"`
	// Confidence is the share of the plays, 0 to 1, in which no strategy had a lower 99th
	// percentile.
	Confidence float64 `json:"confidence"`
}

// Verdict is what a log says of the strategies.
type Verdict struct {
	// Current placed the calls of the log; Best has the lowest 99th percentile.
	Current string `json:"current"`
	Best    string `json:"best"`
	// Switch says that the intervals of the two are apart, and that Best fails no more calls.
	Switch  bool   `json:"switch"`
	Message string `json:"message"`
	// Evaluated are the strategies, best first.
	Evaluated []Outcome `json:"evaluated"`
	// Calls is how many calls were judged by, Utilization the part of the servers' slots that
	// was busy, in percent.
	Calls       int     `json:"calls"`
	Utilization float64 `json:"utilization"`
}

// Judged returns the strategies that a log can judge.
func Judged() []string {
	return slices.DeleteFunc(balancer.Strategies(), func(s string) bool { return s == balancer.ResourceBased })
}

// Compare plays the log through the strategies. It returns an error that wraps
// [ErrCannotTell] when the log says too little, and that of ctx when it ends.
func Compare(ctx context.Context, l *Log, o Options) (*Verdict, error) {
	m, err := Fit(l)
	if err != nil {
		return nil, err
	}
	return m.Compare(ctx, o)
}

// Compare plays the log of the model through the strategies.
func (m *Model) Compare(ctx context.Context, o Options) (*Verdict, error) {
	if o.Plays == 0 {
		o.Plays = defaultPlays
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultCalls
	}
	o.Plays = max(o.Plays, minPlays)
	names := Judged()
	all := make([]plays, len(names))
	rnd := rand.New(rand.NewPCG(o.Seed, 0x7265706c))
	arrivals := m.arrivals[max(len(m.arrivals)-o.MaxCalls, 0):]
	for play := range o.Plays {
		world, trace := m.resample(arrivals, rnd)
		for i, name := range names {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := m.play(world, trace, name, o.Seed+uint64(play))
			if err != nil {
				return nil, err
			}
			all[i].add(r)
		}
		if o.Progress != nil {
			o.Progress(float64(play+1) / float64(o.Plays))
		}
	}
	return m.verdict(names, all, len(arrivals)), nil
}

// resample returns a world as the log allows it and a trace drawn from the log.
func (m *Model) resample(arrivals []arrival, rnd *rand.Rand) (sim.World, sim.Trace) {
	length := (arrivals[len(arrivals)-1].at - arrivals[0].at) + time.Nanosecond
	w := sim.World{WarmUp: time.Duration(warmUp * float64(length))}
	for i, s := range m.Servers {
		s.Speed *= math.Exp(m.doubt[i] * rnd.NormFloat64())
		w.Servers = append(w.Servers, s)
		if m.Fail[i] > 0 {
			w.Faults = append(w.Faults, sim.Fault{Server: i, To: 2 * length, Fail: m.Fail[i]})
		}
	}
	piece := length / blocks
	var t sim.Trace
	for b := range blocks {
		begins := time.Duration(b) * piece
		from := arrivals[0].at + time.Duration(rnd.Int64N(int64(length-piece)+1))
		first, _ := slices.BinarySearchFunc(arrivals, from, func(a arrival, at time.Duration) int { return int(a.at - at) })
		for _, a := range arrivals[first:] {
			if a.at >= from+piece {
				break
			}
			t = append(t, sim.Call{At: begins + a.at - from, Work: a.work, Hint: a.size, Prompt: a.prompt, Luck: rnd.Uint64()})
		}
	}
	return w, t
}

// play runs a copy of the trace.
func (m *Model) play(w sim.World, t sim.Trace, strategy string, seed uint64) (*sim.Result, error) {
	weights := make([]float64, len(m.log.Servers))
	for i, s := range m.log.Servers {
		weights[i] = max(s.Weight, 1e-3)
	}
	policy, err := sim.NewPool(balancer.Config{Strategy: strategy}, seed, weights...)
	if err != nil {
		return nil, err
	}
	return w.Run(t.Source(), policy), nil
}

// plays are the outcomes of one strategy.
type plays struct{ p50, p99, success []float64 }

func (p *plays) add(r *sim.Result) {
	p.p50 = append(p.p50, 1e3*r.Quantile(0.5))
	p.p99 = append(p.p99, 1e3*r.Quantile(0.99))
	p.success = append(p.success, 100*r.Success())
}

// verdict compares what the plays gave.
func (m *Model) verdict(names []string, all []plays, calls int) *Verdict {
	v := &Verdict{Current: m.log.Strategy, Calls: calls, Utilization: 100 * m.UtilizationRatio}
	best := make([]int, len(names))
	for play := range all[0].p99 {
		at := 0
		for i := range all {
			if all[i].p99[play] < all[at].p99[play] {
				at = i
			}
		}
		best[at]++
	}
	for i, name := range names {
		v.Evaluated = append(v.Evaluated, Outcome{
			Strategy: name, P50: interval(all[i].p50, true), P99: interval(all[i].p99, true),
			SuccessRate: interval(all[i].success, false),
			Confidence:  float64(best[i]) / float64(len(all[i].p99)),
		})
	}
	slices.SortStableFunc(v.Evaluated, func(a, b Outcome) int {
		switch {
		case a.P99.Value < b.P99.Value:
			return -1
		case a.P99.Value > b.P99.Value:
			return 1
		}
		return 0
	})
	v.decide()
	return v
}

// decide says whether to switch.
func (v *Verdict) decide() {
	top := v.Evaluated[0]
	v.Best = top.Strategy
	i := slices.IndexFunc(v.Evaluated, func(o Outcome) bool { return o.Strategy == v.Current })
	switch {
	case v.Current == "":
		v.Message = fmt.Sprintf("%s has the lowest p99 on the assumed servers: %s", top.Strategy, top.P99)
	case i < 0:
		v.Message = fmt.Sprintf("%s would have had the lowest p99, %s; the record cannot judge %s, which is in force",
			top.Strategy, top.P99, v.Current)
	case i == 0:
		v.Message = fmt.Sprintf("%s stays in force: it has the lowest p99, %s", v.Current, top.P99)
	default:
		now := v.Evaluated[i]
		better := top.P99.High < now.P99.Low
		safe := top.SuccessRate.Value >= now.SuccessRate.Value-noWorse
		v.Switch = better && safe
		switch {
		case v.Switch:
			v.Message = fmt.Sprintf("%s would have had p99 %s, %s has %s", top.Strategy, top.P99, v.Current, now.P99)
		case !better:
			v.Message = fmt.Sprintf("%s stays in force: p99 %s of %s and its own %s are not apart",
				v.Current, top.P99, top.Strategy, now.P99)
		default:
			v.Message = fmt.Sprintf("%s stays in force: %s would be faster but fail more calls", v.Current, top.Strategy)
		}
	}
}

// String shows the value and its interval in milliseconds.
func (e Estimate) String() string {
	return fmt.Sprintf("%.4g ms (%.4g to %.4g)", e.Value, e.Low, e.High)
}

// interval returns the mean of the plays and its 90 % interval, of ratios where times can
// only be positive.
func interval(values []float64, times bool) Estimate {
	var sum, squares float64
	n := float64(len(values))
	form, back := func(v float64) float64 { return v }, func(v float64) float64 { return v }
	if times {
		form, back = func(v float64) float64 { return math.Log(max(v, 1e-9)) }, math.Exp
	}
	for _, v := range values {
		sum += form(v)
		squares += form(v) * form(v)
	}
	mean := sum / n
	spread := spreads * math.Sqrt(max(squares/n-mean*mean, 0)*n/(n-1))
	return Estimate{Value: back(mean), Low: back(mean - spread), High: back(mean + spread)}
}
