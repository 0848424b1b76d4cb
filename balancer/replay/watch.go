package replay

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// Watch looks after a switch of strategy whether live traffic fares worse than before, and
// takes the switch back if so. Make one with [Switch].
type Watch struct {
	pool     *balancer.Pool
	from, to string
	before   stretch
	switched time.Time
}

const (
	// watchEvery is the time between two looks, watchFor the time after which a switch is
	// taken to be good.
	watchEvery = 10 * time.Second
	watchFor   = 10 * time.Minute
	// watchCalls is how many calls after the switch it takes to judge.
	watchCalls = 1000
	// worseTime is the factor by which the 99th percentile must be above that before, its
	// interval taken off; worseSuccess is by how much of the calls more may fail.
	worseTime    = 1.1
	worseSuccess = 0.005
	// likeRate is how far the traffic may have grown to be compared.
	likeRate = 1.25
)

// stretch is how calls fared in some time.
type stretch struct {
	calls     int
	perSecond float64
	success   float64
	low, high float64 // 90 % interval of the 99th percentile, seconds
}

// Switch puts another strategy in force and returns what watches over it. What the pool has
// recorded until now is what it is held against.
func Switch(p *balancer.Pool, to string) (*Watch, error) {
	w := &Watch{pool: p, from: p.Strategy(), to: to, before: stretchOf(p.Records(), time.Time{}), switched: time.Now()}
	if err := p.SetStrategy(to); err != nil {
		return nil, err
	}
	return w, nil
}

// Run looks every ten seconds until it can tell, for ten minutes at most, and returns what
// it saw. back says that it put the former strategy in force again. When ctx ends, or somebody
// else changed the strategy, it ends without a word.
func (w *Watch) Run(ctx context.Context) (back bool, message string) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for end := w.switched.Add(watchFor); ; {
		select {
		case <-ctx.Done():
			return false, ""
		case <-tick.C:
		}
		if w.pool.Strategy() != w.to {
			return false, ""
		}
		after := stretchOf(w.pool.Records(), w.switched)
		if why := w.before.worse(after); why != "" {
			if err := w.pool.SetStrategy(w.from); err != nil { // it was in force before
				return false, err.Error()
			}
			return true, fmt.Sprintf("%s is in force again: under %s %s", w.from, w.to, why)
		}
		if time.Now().After(end) {
			return false, fmt.Sprintf("%s stays in force: in %v live traffic did not fare worse than under %s", w.to, watchFor, w.from)
		}
	}
}

// worse says in what way the stretch after this one is worse, "" when it is not, or cannot
// be compared.
func (s stretch) worse(after stretch) string {
	switch {
	case s.calls < watchCalls || after.calls < watchCalls || after.perSecond > likeRate*s.perSecond:
		return ""
	case after.success < s.success-worseSuccess:
		return fmt.Sprintf("%.2f %% of the calls succeeded, before %.2f %%", 100*after.success, 100*s.success)
	case after.low > worseTime*s.high:
		return fmt.Sprintf("p99 was above %.4g ms, before below %.4g ms", 1e3*after.low, 1e3*s.high)
	}
	return ""
}

// stretchOf sums up the first attempts that began after a time.
func stretchOf(records []balancer.Record, since time.Time) stretch {
	var s stretch
	var times []float64
	var first, last time.Time
	good := 0
	for _, r := range records {
		if r.Again || r.Cancelled || r.Took < 0 || !r.Began.After(since) {
			continue
		}
		if first.IsZero() {
			first = r.Began
		}
		last = r.Began
		times = append(times, r.Took.Seconds())
		if r.OK {
			good++
		}
	}
	s.calls = len(times)
	if s.calls == 0 {
		return s
	}
	slices.Sort(times)
	n := float64(s.calls)
	s.success, s.perSecond = float64(good)/n, n/max(last.Sub(first).Seconds(), 1e-3)
	// The rank of a quantile is binomial.
	const q = 0.99
	off := 1.645 * math.Sqrt(q*(1-q)*n)
	at := func(rank float64) float64 { return times[min(max(int(rank), 0), len(times)-1)] }
	s.low, s.high = at(q*n-off), at(q*n+off)
	return s
}
