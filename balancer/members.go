package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Add puts a server into the pool. It starts slowly, so that it is not flooded while it
// warms up. Faults are [FieldError]s; a known id is an [ErrDuplicateServer].
func (p *Pool) Add(c ServerConfig) error {
	if err := errors.Join(c.validate("")...); err != nil {
		return err
	}
	c = c.withDefaults()
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view.Load()
	switch {
	case v.find(c.ID) != nil:
		return &FieldError{Field: "id", Err: ErrDuplicateServer, Problem: fmt.Sprintf("must be unique (%q is in the pool)", c.ID)}
	case len(v.servers) >= maxServers:
		return fieldError("servers", "must be at most %d", maxServers)
	}
	s := p.newServer(c, p.now())
	if len(v.servers) > 0 {
		s.health.coldStart(p.now())
	}
	p.install(v.with(append(slices.Clone(v.servers), s)))
	return nil
}

// Update changes a server while it runs. Nothing changes when a field is not valid.
func (p *Pool) Update(id string, patch ServerPatch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view.Load()
	s := v.find(id)
	if s == nil {
		return fmt.Errorf("%w: %q", ErrUnknownServer, id)
	}
	c, err := patch.on(s.settings.Load().ServerConfig)
	if err != nil {
		return err
	}
	p.reconfigure(s, c)
	p.refresh(v, p.now())
	p.signal()
	return nil
}

// on returns the configuration with the patch applied.
func (patch ServerPatch) on(c ServerConfig) (ServerConfig, error) {
	if patch.Weight != nil {
		if err := validateWeight("weight", *patch.Weight); err != nil {
			return c, err
		}
		c.Weight = *patch.Weight
	}
	if patch.MaxConnections != nil {
		c.MaxConnections = *patch.MaxConnections
	}
	if patch.Status != nil {
		c.Status = *patch.Status
	}
	if patch.URL != nil {
		c.URL = *patch.URL
	}
	return c.withDefaults(), errors.Join(c.validate("")...)
}

// reconfigure puts a valid configuration of a known server in force. The pool's lock is held.
func (p *Pool) reconfigure(s *Server, c ServerConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := p.now()
	if c.URL != s.settings.Load().URL {
		s.forget()
		p.prefixes.forget(int(s.replica.place.Load()))
		s.health = health{status: StatusMaintenance} // settle begins the slow start
	}
	s.configure(c)
	if out := c.Status == StatusMaintenance; out != s.health.maintenance || out && s.back == nil {
		s.health.maintenance = out
		if out {
			s.back = make(chan struct{})
			p.leaving = append(p.leaving, s)
		} else if s.back != nil {
			close(s.back)
			s.back = nil
		}
	}
	s.health.settle(p.epoch, now)
}

// Drain takes a server out of service and returns when its last call ended, or when the server is
// put back into service meanwhile. Calls that outlive the drain timeout are cut. When ctx ends
// first, the server stays out of service and its calls go on, with [Pool.Run] to their deadline.
func (p *Pool) Drain(ctx context.Context, id string) error {
	status := StatusMaintenance
	if err := p.Update(id, ServerPatch{Status: &status}); err != nil {
		return err
	}
	s := p.view.Load().find(id)
	if s == nil {
		return nil // removed meanwhile
	}
	return p.drain(ctx, s)
}

// Remove drains a server and takes it off the pool. The last server cannot be removed
// ([ErrLastServer]). When ctx ends first, the server stays, out of service.
func (p *Pool) Remove(ctx context.Context, id string) error {
	if err := p.removable(p.view.Load(), id); err != nil {
		return err
	}
	if err := p.Drain(ctx, id); err != nil {
		return fmt.Errorf("drain server %q: %w", id, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view.Load()
	if err := p.removable(v, id); err != nil {
		return err
	}
	s := v.find(id)
	p.leave(s)
	p.install(v.with(slices.DeleteFunc(slices.Clone(v.servers), func(o *Server) bool { return o == s })))
	return nil
}

func (p *Pool) removable(v *view, id string) error {
	switch {
	case v.find(id) == nil:
		return fmt.Errorf("%w: %q", ErrUnknownServer, id)
	case len(v.servers) == 1:
		return &FieldError{Field: "id", Err: ErrLastServer, Problem: fmt.Sprintf("must not be the last server (got %q); drain it or add another first", id)}
	}
	return nil
}

// with returns the view with other servers.
func (v *view) with(servers []*Server) *view {
	return &view{name: v.name, strategy: v.strategy, limits: v.limits, servers: servers}
}

// leave closes a server for new calls for good.
func (p *Pool) leave(s *Server) {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	p.prefixes.leave(int(s.replica.place.Swap(-1)))
}

// drain waits until the server has no call in flight; at the drain timeout it cuts those
// that are left. It ends too when the server is put back into service.
func (p *Pool) drain(ctx context.Context, s *Server) error {
	idle, back := s.whenIdle()
	timeout := time.NewTimer(p.view.Load().limits.DrainTimeout)
	defer timeout.Stop()
	select {
	case <-idle:
		return nil
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		p.cut.Add(s.cutAll())
		return nil
	}
}

// whenIdle returns a channel that is closed once no call is in flight, and one that is closed once
// the server is back in service, which one that left the pool never is.
func (s *Server) whenIdle() (idle, back <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight.Load() == 0 || !s.gone && !s.health.maintenance {
		done := make(chan struct{})
		close(done)
		return done, s.back
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	return s.idle, s.back
}

// cutAll cuts the calls in flight and returns how many there were.
func (s *Server) cutAll() uint64 {
	var cuts []func(error)
	s.mu.Lock()
	for l := s.oldest; l != nil; l = l.next {
		if l.cut != nil {
			cuts = append(cuts, l.cut)
			l.cut = nil // once is enough
		}
	}
	s.mu.Unlock()
	for _, cut := range cuts {
		cut(ErrServerCut)
	}
	return uint64(len(cuts))
}
