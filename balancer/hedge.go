package balancer

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
)

const (
	// A request is late when it takes longer than this quantile of the last hedgeMemory, of which
	// hedgeSamples must be known.
	hedgeQuantile = 0.95
	hedgeMemory   = 200
	hedgeSamples  = 30
	// oneHedge is the unit in which hedges are saved up, mostHedges how many.
	oneHedge   = 1000
	mostHedges = 10 * oneHedge
)

var (
	// errOutrun ends a request that another one made needless.
	errOutrun   = errors.New("balancer: another server was faster")
	errNoSecond = errors.New("balancer: no second server may be asked")
)

// WithHedge is [WithRepeatable], and says that the request with this context may be sent to a
// second server too when the first is late. [Config.HedgePaths] says the same of paths.
func WithHedge(ctx context.Context) context.Context {
	return context.WithValue(ctx, asideKey{}, mayHedge)
}

// hedgers are those of the paths of a pool.
type hedgers struct {
	mu    sync.Mutex // guards the field below
	paths map[string]*hedger
}

// hedger knows when requests of one kind are late, and how many a second server may still be asked
// for.
type hedger struct {
	executor failsafe.Executor[*try]
	saved    atomic.Int64
}

func newHedger() *hedger {
	policy := hedgepolicy.NewBuilderWithDelayQuantile[*try](hedgeQuantile, hedgeMemory, hedgeSamples).
		CancelIf(func(t *try, _ error) bool { return t != nil && t.final }).
		Build()
	return &hedger{executor: failsafe.With(policy)}
}

// hedgerOf returns the hedger of a request, nil when it must not be sent twice at a time.
func (p *Pool) hedgerOf(req *http.Request, limits *Config) *hedger {
	key := ""
	if req.Context().Value(asideKey{}) != mayHedge {
		i := slices.IndexFunc(limits.HedgePaths, func(pattern string) bool {
			ok, err := path.Match(pattern, req.URL.Path)
			return ok && err == nil
		})
		if i < 0 {
			return nil
		}
		key = limits.HedgePaths[i]
	}
	p.hedgers.mu.Lock()
	defer p.hedgers.mu.Unlock()
	h := p.hedgers.paths[key]
	if h == nil {
		if h = newHedger(); p.hedgers.paths == nil || len(p.hedgers.paths) > maxHedgePaths {
			p.hedgers.paths = map[string]*hedger{} // those of former configurations go
		}
		p.hedgers.paths[key] = h
	}
	return h
}

// earn is what a request adds to the hedges saved up.
func (h *hedger) earn(ratio float64) {
	if h.saved.Load() < mostHedges {
		h.saved.Add(int64(ratio * oneHedge))
	}
}

func (h *hedger) spend() bool {
	if h.saved.Add(-oneHedge) >= 0 {
		return true
	}
	h.saved.Add(oneHedge)
	return false
}

// race is a request under way at one server or two.
type race struct {
	second atomic.Bool // a second server is, or was about to be, asked
	asked  atomic.Bool // it is

	mu    sync.Mutex // guards the fields below
	tries []*try
	over  bool
}

// enter notes a try that ended; false means that the race is over.
func (r *race) enter(t *try) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.tries = append(r.tries, t)
	}
	return !r.over
}

// end ends the race and returns the best try, and the others.
func (r *race) end() (best *try, others []*try) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	i := max(slices.IndexFunc(r.tries, func(t *try) bool { return t.good }), 0)
	return r.tries[i], slices.Delete(slices.Clone(r.tries), i, i+1)
}

// hedge sends the request to the server of the lease and, when that is late, to another one. The
// first good answer counts; the other attempt is cancelled. It returns how many servers were asked.
func (c *call) hedge(l *lease, attempt int) (*try, int) {
	r, job := &race{}, c.job
	_, _ = c.hedger.executor.GetWithExecution(func(exec failsafe.Execution[*try]) (*try, error) { // the race knows
		at, n := l, attempt
		if exec.IsHedge() {
			r.second.Store(true)
			if at, n = c.second(l, job), attempt+1; at == nil {
				return nil, errNoSecond
			}
			r.asked.Store(true)
		}
		t := c.send(at, n, exec)
		t.final = t.good || !r.second.Load()
		if !r.enter(t) {
			c.lose(t)
		}
		return t, nil
	})
	best, others := r.end()
	for _, t := range others {
		c.tried.add(t.lease.server)
		c.lose(t)
	}
	if best.lease != l {
		c.pool.hedgesWon.Add(1)
	}
	if r.asked.Load() {
		return best, 2
	}
	return best, 1
}

// second returns a lease of another server, nil when there is none or the budget is spent.
func (c *call) second(first *lease, j job) *lease {
	p := c.pool
	if !c.another(first.server) || !c.hedger.spend() {
		return nil
	}
	j.now, j.rnd = p.now(), splitmix(j.rnd+1)
	l, err := p.acquire(j, append(slices.Clone(c.tried.all()), first.server))
	if err != nil {
		return nil
	}
	if l.server == first.server || c.tried.has(l.server) { // the other filled up meanwhile
		p.end(l, p.now(), outcome{cancelled, -1})
		return nil
	}
	p.hedges.Add(1)
	return l
}

// lose lets go of a try that is not needed.
func (c *call) lose(t *try) {
	if t.paid {
		c.pool.budget.give()
	}
	a := t.answer
	if a == nil {
		return // it has ended
	}
	o := outcome{a.verdict, a.headers}
	if t.good {
		o.verdict = outrun
	}
	_ = a.ReadCloser.Close() // nobody reads it
	c.pool.end(t.lease, c.pool.now(), o)
	a.cancel(nil)
}
