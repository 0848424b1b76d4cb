package balancer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"
)

// DefaultDiscoveryInterval is the time between two look-ups of a name that says no time itself.
const DefaultDiscoveryInterval = 30 * time.Second

// source finds servers: in a file, or in DNS.
type source interface {
	// name tells sources apart.
	name() string
	// find returns the servers that there are now, and when to look again.
	find(ctx context.Context) (servers []ServerConfig, again time.Duration, err error)
}

var errNobody = errors.New("lists no server")

// DiscoveryStats is what became of a source of servers.
type DiscoveryStats struct {
	// Source is "file", or "dns:" and the id of the name.
	Source string `json:"source"`
	// Servers are those that it found last.
	Servers int `json:"servers"`
	// LastFound is when a list was last taken over or found unchanged, zero before the first time.
	LastFound time.Time `json:"last_found,omitzero"`
	// LastError is why the last look-up changed nothing, empty when it went well, Failures how many
	// there were since the source was configured.
	LastError string `json:"last_error"`
	Failures  uint64 `json:"failures"`
}

// discovery runs a goroutine for each source. What it found last stays in force while it finds
// nothing.
type discovery struct {
	mu    sync.Mutex // guards the field below
	stats []*DiscoveryStats
}

// all are the statistics of the sources.
func (d *discovery) all() []DiscoveryStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]DiscoveryStats, len(d.stats))
	for i, s := range d.stats {
		all[i] = *s
	}
	return all
}

// begin puts the sources of a configuration in the place of those before.
func (d *discovery) begin(sources []source) []*DiscoveryStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats = nil
	for _, s := range sources {
		d.stats = append(d.stats, &DiscoveryStats{Source: s.name()})
	}
	return d.stats
}

// note keeps how a look-up went.
func (d *discovery) note(s *DiscoveryStats, n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		s.LastError = err.Error()
		s.Failures++
		return
	}
	s.LastFound, s.LastError, s.Servers = time.Now(), "", n
}

// finders are the goroutines of the sources. They are used by Run alone.
type finders struct {
	pool    *Pool
	wg      *sync.WaitGroup
	stop    context.CancelFunc
	current DiscoveryConfig
}

// reconcile begins anew with the sources of the configuration in force if they changed.
func (f *finders) reconcile(ctx context.Context) {
	want := f.pool.view.Load().limits.Discovery
	if f.stop != nil && reflect.DeepEqual(want, f.current) {
		return
	}
	if f.stop != nil {
		f.stop()
	}
	f.current = want
	ctx, f.stop = context.WithCancel(ctx)
	sources := want.sources()
	stats := f.pool.discovery.begin(sources)
	for i, s := range sources {
		f.wg.Go(func() { f.pool.discover(ctx, s, stats[i]) })
	}
}

// discover looks a source up until ctx ends.
func (p *Pool) discover(ctx context.Context, s source, st *DiscoveryStats) {
	var inForce []ServerConfig
	for {
		servers, again, err := s.find(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil && !slices.Equal(servers, inForce) {
			if err = p.found(ctx, s.name(), servers); err == nil {
				inForce = servers
			}
		}
		p.discovery.note(st, len(servers), err)
		if !sleep(ctx, time.Duration(float64(again)*(0.9+0.2*unit(rand.Uint64())))) {
			return
		}
	}
}

// found puts the servers that a source found in the place of those it found before. A list that is
// empty, or has a fault, changes nothing.
func (p *Pool) found(ctx context.Context, name string, list []ServerConfig) error {
	if len(list) == 0 {
		return errNobody
	}
	if err := errors.Join(validateServers("", list)...); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view.Load()
	if ctx.Err() != nil || !v.limits.Discovery.has(name) {
		return nil // the configuration has changed meanwhile
	}
	others := slices.DeleteFunc(slices.Clone(v.servers), func(s *Server) bool { return s.source == name })
	if len(others)+len(list) > maxServers {
		return fmt.Errorf("lists %d servers; with the others there must be at most %d", len(list), maxServers)
	}
	for i, c := range list {
		if slices.ContainsFunc(others, func(s *Server) bool { return s.id == c.ID }) {
			return fmt.Errorf("servers[%d].id: must be unique (%s is another server's)", i, c.ID)
		}
	}
	servers := others
	for _, c := range list {
		servers = append(servers, p.declare(v, c.withDefaults(), name))
	}
	p.replace(v.with(servers))
	return nil
}

// declare returns the server of a configured entry: a new one, or the known one as it now is. The
// pool's lock is held.
func (p *Pool) declare(v *view, c ServerConfig, from string) *Server {
	s := v.find(c.ID)
	switch {
	case s == nil:
		s = p.newServer(c, p.now())
		if len(v.servers) > 0 {
			s.health.coldStart(p.now())
		}
	case s.declared != c:
		p.reconfigure(s, c)
		s.declared = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = from
	return s
}

// replace puts a view in force and lets those servers go that are not in it. The pool's lock is held.
func (p *Pool) replace(next *view) {
	for _, s := range p.view.Load().servers {
		if !slices.Contains(next.servers, s) {
			p.leave(s)
			p.leaving = append(p.leaving, s)
		}
	}
	p.install(next)
}
