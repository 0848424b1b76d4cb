package balancer

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// view is what picks look at: an immutable list of servers with one row of prices each.
type view struct {
	name     string
	strategy strategy
	explores bool
	affine   bool // places prompts where their prefixes are known
	limits   *Config
	servers  []*Server
	rows     []row
}

// climate is what the servers of a pool have in common, brought up to date by refresh.
type climate struct {
	latency  atomicFloat // median response time, seconds
	load     atomicFloat // mean of the fresh load reports
	weight   atomicFloat // median weight
	speed    atomicFloat // median price per unit of size, by which sizes are kept in seconds
	topShare atomicFloat // largest share of a usable server, so that one has all of its own
	panic    atomic.Bool
	residues residues

	// Of prompts, see replica.go.
	replica struct{ start, perToken, pace, perCall atomicFloat } // of a median replica
	answer  atomicFloat                                          // mean seconds to the end
	output  atomicFloat                                          // mean of what is expected of answers
	crowd   crowd
}

const (
	// refreshEvery is how often picks have the view refreshed.
	refreshEvery = 100 * time.Millisecond
	// probeAfter this long without a call a server is tried again.
	probeAfter = time.Second
	// probeShare is the share of the calls that may be such trials.
	probeShare = 0.01
)

// explorer hands out trials of unused servers.
type explorer struct {
	due   atomic.Int32 // index + 1 of the server to try, 0 for none
	picks atomic.Uint64
	spent atomic.Uint64 // picks that paid for trials
}

// refresher is the state of refresh; its lock is taken by one pick at a time.
type refresher struct {
	next                       atomic.Int64
	mu                         sync.Mutex // guards the scratch space
	latencies, weights, speeds []float64
}

func (v *view) medianWeight() float64 {
	weights := make([]float64, len(v.servers))
	for i, s := range v.servers {
		weights[i] = s.settings.Load().Weight
	}
	return median(weights)
}

func (v *view) find(id string) *Server {
	i := slices.IndexFunc(v.servers, func(s *Server) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return v.servers[i]
}

// pick returns the index of the server for the job, -1 when none can take it.
func (p *Pool) pick(v *view, j job, f *promptFlight) int {
	if next := p.refresher.next.Load(); j.now >= next && p.refresher.next.CompareAndSwap(next, j.now+int64(refreshEvery)) {
		p.refresh(v, j.now)
		p.judge(v, j.now)
	}
	prompted := f != nil && v.affine // what is known of unused replicas fades by itself
	if v.explores && !prompted && p.explorer.due.Load() != 0 && j.size <= p.sizes.mean.Load()/2 {
		if i := int(p.explorer.due.Swap(0)) - 1; i >= 0 && i < len(v.rows) && v.rows[i].available() {
			return i
		}
	}
	return p.choose(v, v.rows, j, f)
}

// choose leaves the choice to the strategy.
func (p *Pool) choose(v *view, rows []row, j job, f *promptFlight) int {
	if f != nil && v.affine {
		return p.choosePrompt(v, rows, j, f)
	}
	return v.strategy.choose(rows, j)
}

// acquire picks a server and enters the call into its ledger. Servers in tried are used
// only when there is no other.
func (p *Pool) acquire(j job, tried []*Server) (*lease, error) {
	p.explorer.picks.Add(1)
	f := p.newPromptFlight(j.asked)
	j.again = len(tried) > 0
	for {
		v := p.view.Load()
		i := -1
		if len(tried) > 0 {
			i = p.choose(v, v.without(tried), j, f)
		}
		if i < 0 {
			i = p.pick(v, j, f)
		}
		if i >= 0 {
			if l := v.servers[i].begin(j, &v.rows[i], f); l != nil {
				if f != nil {
					p.prefixes.sent(f.Blocks, int(v.servers[i].replica.place.Load()))
				}
				return l, nil
			}
			continue // it filled up meanwhile, and its row is shut now
		}
		if p.settled(v) {
			return nil, v.unavailable(j.now)
		}
	}
}

// settled reports whether the view is still in force and no change of it is under way.
func (p *Pool) settled(v *view) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.Load() == v
}

// without returns a copy of the rows on which the servers are not available.
func (v *view) without(tried []*Server) []row {
	rows := make([]row, len(v.rows))
	for i := range v.rows {
		rows[i].base.Store(v.rows[i].base.Load())
		rows[i].rate.Store(v.rows[i].rate.Load())
		rows[i].share.Store(v.rows[i].share.Load())
		if slices.Contains(tried, v.servers[i]) {
			rows[i].shut()
		}
	}
	return rows
}

// unavailable says why no server could take a call.
func (v *view) unavailable(now int64) error {
	if len(v.servers) == 0 {
		return &UnavailableError{Reason: ErrNoServers, Detail: "add one under load_balancer.servers", RetryAfter: 5 * time.Second}
	}
	var full, maintenance, unhealthy int
	wait := 5 * time.Second
	for _, s := range v.servers {
		s.mu.Lock()
		switch {
		case s.health.maintenance:
			maintenance++
		case s.health.status == StatusUnhealthy:
			unhealthy++
			if left := time.Duration(s.health.ejectedTo - now); left > 0 {
				wait = min(wait, left)
			}
		default:
			full++
		}
		s.mu.Unlock()
	}
	e := &UnavailableError{Reason: ErrNoHealthyServer, RetryAfter: max(time.Second, wait.Round(time.Second))}
	if full > 0 {
		e.Reason, e.RetryAfter = ErrServersBusy, time.Second
	}
	e.Detail = fmt.Sprintf("%d servers: %d full, %d unhealthy, %d in maintenance", len(v.servers), full, unhealthy, maintenance)
	return e
}

// refresh brings up to date what changes with time: estimates of unused servers, states,
// the pool's medians, panic, and the trial that is due. Then it prices all servers anew.
func (p *Pool) refresh(v *view, now int64) {
	r := &p.refresher
	r.mu.Lock()
	defer r.mu.Unlock()
	var inService, usable int
	var loads, reports, top float64
	latencies, weights, speeds := r.latencies[:0], r.weights[:0], r.speeds[:0]
	for _, s := range v.servers {
		s.mu.Lock()
		s.refresh(p.epoch, now)
		if s.health.status != StatusMaintenance {
			inService++
		}
		if s.health.takes(false) {
			usable++
			top = max(top, s.share(now))
		}
		if s.latency.samples > 0 {
			latencies = append(latencies, s.latency.seconds)
			speeds = append(speeds, s.expectedSpeed().perUnit)
		}
		weights = append(weights, s.settings.Load().Weight)
		if s.report.fresh(now) {
			loads, reports = loads+s.report.load, reports+1
		}
		s.mu.Unlock()
	}
	r.latencies, r.weights, r.speeds = latencies, weights, speeds
	c := &p.climate
	c.latency.Store(median(latencies))
	c.weight.Store(median(weights))
	if len(speeds) > 0 {
		c.speed.Store(median(speeds))
	}
	c.load.Store(loads / max(reports, 1))
	p.refreshReplicas(v)
	c.panic.Store(float64(usable) < v.limits.PanicThresholdRatio*float64(inService))
	if top == 0 {
		top = 1
	}
	c.topShare.Store(top)
	p.publish(v, now)
}

// publish prices all servers and finds the one to be tried next.
func (p *Pool) publish(v *view, now int64) {
	longest, at := int64(probeAfter), -1
	for i, s := range v.servers {
		s.mu.Lock()
		s.publish(now)
		if idle := now - s.lastUse; idle >= longest && v.rows[i].available() {
			longest, at = idle, i
		}
		s.mu.Unlock()
	}
	e := &p.explorer
	if at < 0 || !v.explores || e.due.Load() != 0 {
		return
	}
	// A trial costs 1 / probeShare picks; what was not spent in time is lost.
	picks, price := e.picks.Load(), uint64(1/probeShare)
	if spent := e.spent.Load(); picks >= spent+price {
		e.spent.Store(max(spent+price, picks-min(picks, 2*price)))
		e.due.Store(int32(at + 1))
	}
}

// median sorts values and returns the middle one, 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
