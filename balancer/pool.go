package balancer

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool spreads calls over servers. It is an [http.RoundTripper] and a
// [github.com/prometheus/client_golang/prometheus.Collector], and safe for concurrent use.
// Make one with [New].
type Pool struct {
	epoch     time.Time
	view      atomic.Pointer[view]
	climate   climate
	refresher refresher
	explorer  explorer
	sizes     sizes
	prefixes  prefixes
	recorder  recorder
	budget    budget
	judgeAt   atomic.Int64 // when servers are compared next
	discovery discovery
	hedgers   hedgers
	transport *http.Transport // to servers of http and https
	plain2    *http.Transport // to servers of h2c

	requests, succeeded, failed, cancelled atomic.Uint64
	rejected, retries, cut                 atomic.Uint64
	hedges, hedgesWon                      atomic.Uint64
	outcomes                               outcomes

	running atomic.Bool
	changed chan struct{} // tells Run that servers or checks changed

	mu       sync.Mutex // guards changes of the view, and leaving
	leaving  []*Server  // removed by Apply or in maintenance, to be drained by Run
	healthMu sync.Mutex // one ejection at a time
}

var _ http.RoundTripper = (*Pool)(nil)

// New returns a pool of the configured servers. It starts nothing: run [Pool.Run] beside
// it for health checks and background drains. A configuration that is not valid is
// refused with all its faults.
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	p := &Pool{epoch: time.Now(), changed: make(chan struct{}, 1)}
	p.transport = newTransport(p)
	p.plain2 = newTransport(p)
	p.plain2.Protocols = new(http.Protocols)
	p.plain2.Protocols.SetUnencryptedHTTP2(true)
	p.climate.topShare.Store(1)
	p.climate.speed.Store(1)
	p.climate.forgetPrompts()
	servers := make([]*Server, len(cfg.Servers))
	for i, c := range cfg.Servers {
		servers[i] = p.newServer(c, 0)
	}
	s, _ := newStrategy(cfg.Strategy)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.install(&view{name: cfg.Strategy, strategy: s, limits: &cfg, servers: servers})
	return p, nil
}

// now is the time on the pool's clock, nanoseconds since its epoch.
func (p *Pool) now() int64 { return int64(time.Since(p.epoch)) }

// install puts a view in force. The pool's lock is held.
func (p *Pool) install(v *view) {
	v.explores = explores(v.strategy)
	_, v.affine = v.strategy.(adaptive)
	v.rows = make([]row, len(v.servers))
	now := p.now()
	p.climate.weight.Store(v.medianWeight()) // by which what is not known yet is guessed
	for i, s := range v.servers {
		s.mu.Lock()
		s.seat = seat{row: &v.rows[i], index: i, strategy: v.strategy, climate: &p.climate, limits: v.limits}
		s.solveReplica()
		s.mu.Unlock()
	}
	p.refresh(v, now)
	p.view.Store(v)
	p.refresh(v, now) // states may have changed between the two
	p.signal()
}

// signal wakes Run, if it sleeps.
func (p *Pool) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Strategy returns the name of the strategy in force.
func (p *Pool) Strategy() string { return p.view.Load().name }

// SetStrategy puts another strategy in force at once; what was learnt about the servers
// stays. Setting the one in force changes nothing.
func (p *Pool) SetStrategy(name string) error {
	s, ok := newStrategy(name)
	if !ok {
		return unknownStrategy("strategy", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view.Load()
	if v.name != name {
		p.install(&view{name: name, strategy: s, limits: v.limits, servers: v.servers})
	}
	return nil
}

// Apply changes the pool to cfg while it runs. Servers are matched by id: new ones start
// slowly, those whose entry did not change keep all their state, also what was changed at
// run time, and those that are gone get no more calls and are drained by [Pool.Run]. Servers that
// were found stay as long as their source is configured. A
// configuration that is not valid changes nothing.
func (p *Pool) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.WithDefaults()
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.view.Load()
	next := &view{name: cfg.Strategy, strategy: old.strategy, limits: &cfg}
	if old.limits.Strategy == cfg.Strategy { // not changed in the file: keep SetStrategy's
		next.name = old.name
	} else if old.name != cfg.Strategy {
		next.strategy, _ = newStrategy(cfg.Strategy)
	}
	for _, c := range cfg.Servers {
		next.servers = append(next.servers, p.declare(old, c, ""))
	}
	for _, s := range old.servers { // found by a source that stays
		if s.source != "" && cfg.Discovery.has(s.source) && !slices.Contains(next.servers, s) {
			next.servers = append(next.servers, s)
		}
	}
	p.replace(next)
	return nil
}

// Run does the health checks, finds servers and drains those that left, until ctx ends. It
// returns nil after all its goroutines ended. Only one Run may be under way.
func (p *Pool) Run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errors.New("balancer: Run is under way already")
	}
	defer p.running.Store(false)
	defer p.CloseIdleConnections()
	var wg sync.WaitGroup
	defer wg.Wait()
	checks := checkers{pool: p, wg: &wg}
	finds := finders{pool: p, wg: &wg}
	p.signal()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.changed:
		}
		checks.reconcile(ctx)
		finds.reconcile(ctx)
		for _, s := range p.takeLeaving() {
			wg.Go(func() {
				if err := p.drain(ctx, s); err != nil {
					return // ctx ended: the calls end with their clients
				}
			})
		}
	}
}

// CloseIdleConnections closes the connections to servers that no call uses, as
// [http.Client.CloseIdleConnections] expects it. Run does so when it ends.
func (p *Pool) CloseIdleConnections() {
	p.transport.CloseIdleConnections()
	p.plain2.CloseIdleConnections()
}

// transportOf returns the transport that speaks what the server does.
func (p *Pool) transportOf(s *settings) *http.Transport {
	if s.h2c {
		return p.plain2
	}
	return p.transport
}

func (p *Pool) takeLeaving() []*Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	leaving := p.leaving
	p.leaving = nil
	return leaving
}

// newJob returns the job of a call that begins now.
func (p *Pool) newJob(class sizeClass, asked *Prompt) job {
	return job{now: p.now(), class: class, size: p.sizes.expect(class), rnd: rand.Uint64(), asked: asked}
}
