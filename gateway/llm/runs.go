package llm

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"
)

// maxRunAgents bounds the agents that are named for a run.
const maxRunAgents = 16

// Run is what belongs together by its run label.
type Run struct {
	ID string `json:"id"`
	// Tenant is the last one that was named, Agents all of them, up to 16.
	Tenant string   `json:"tenant"`
	Agents []string `json:"agents"`
	// Started is when the first call of it ended less the time that it took, Last when the last
	// one ended.
	Started time.Time `json:"started"`
	Last    time.Time `json:"last"`

	Requests    uint64  `json:"requests"`
	Cached      uint64  `json:"cached"`
	Errors      uint64  `json:"errors"`
	Unpriced    uint64  `json:"unpriced"`
	Input       int64   `json:"input"`
	CachedInput int64   `json:"cached_input"`
	Output      int64   `json:"output"`
	CostDollars float64 `json:"cost_dollars"`
	// ModelSeconds is the time that models took, side by side or not.
	ModelSeconds float64 `json:"model_seconds"`
}

// runs remembers those used last.
type runs struct {
	mu    sync.Mutex // guards the fields below
	byID  map[string]*list.Element
	order *list.List // of *Run, the one used last in front
}

func (r *runs) init() { r.byID, r.order = map[string]*list.Element{}, list.New() }

func (r *runs) add(c *Call, v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.byID[c.Labels.Run]
	if !ok {
		e = r.order.PushFront(&Run{ID: c.Labels.Run, Started: c.At.Add(-c.Took), Agents: []string{}})
		r.byID[c.Labels.Run] = e
		if r.order.Len() > MaxRuns {
			r.forget(r.order.Back())
		}
	}
	r.order.MoveToFront(e)
	run, _ := e.Value.(*Run)
	run.count(c, v)
}

func (r *runs) forget(e *list.Element) {
	if run, ok := r.order.Remove(e).(*Run); ok {
		delete(r.byID, run.ID)
	}
}

func (r *Run) count(c *Call, v verdict) {
	r.Last = c.At
	r.Tenant = cmp.Or(c.Labels.Tenant, r.Tenant)
	if a := c.Labels.Agent; a != "" && len(r.Agents) < maxRunAgents && !slices.Contains(r.Agents, a) {
		r.Agents = append(r.Agents, a)
	}
	r.Requests++
	if v.failed {
		r.Errors++
	}
	if c.End == FromCache {
		r.Cached++
		return
	}
	if v.unpriced {
		r.Unpriced++
	}
	if u := c.Answer.Usage; c.Answer.UsageKnown {
		r.Input += u.Input
		r.CachedInput += u.CachedInput
		r.Output += u.Output
	}
	r.CostDollars += v.dollars
	r.ModelSeconds += c.Took.Seconds()
}

// read returns copies of the runs, the one used last first.
func (r *runs) read() []Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Run, 0, r.order.Len())
	for e := r.order.Front(); e != nil; e = e.Next() {
		if run, ok := e.Value.(*Run); ok {
			c := *run
			c.Agents = slices.Clone(run.Agents)
			out = append(out, c)
		}
	}
	return out
}
