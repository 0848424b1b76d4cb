package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// maxCheckBody bounds what is read of a health check's answer.
const maxCheckBody = 64 << 10

// checkers runs one goroutine per server that checks it. It is used by Run alone.
type checkers struct {
	pool    *Pool
	wg      *sync.WaitGroup
	stops   map[*Server]context.CancelFunc
	current checkSettings
}

// checkSettings are those parts of Config that need the checks to begin anew.
type checkSettings struct {
	interval, timeout time.Duration
	path              string
}

// reconcile starts and stops checks so that each server of the view has one.
func (c *checkers) reconcile(ctx context.Context) {
	v := c.pool.view.Load()
	want := checkSettings{v.limits.HealthCheckInterval, v.limits.HealthCheckTimeout, v.limits.HealthCheckPath}
	if c.stops == nil || want != c.current {
		for _, stop := range c.stops {
			stop()
		}
		c.stops, c.current = map[*Server]context.CancelFunc{}, want
	}
	keep := make(map[*Server]bool, len(v.servers))
	for _, s := range v.servers {
		keep[s] = true
		if c.stops[s] != nil || want.path == NoHealthCheck {
			continue
		}
		checkCtx, stop := context.WithCancel(ctx)
		c.stops[s] = stop
		c.wg.Go(func() { c.pool.watch(checkCtx, s, want) })
	}
	for s, stop := range c.stops {
		if !keep[s] {
			stop()
			delete(c.stops, s)
		}
	}
}

// watch checks a server until ctx ends. The first check comes soon, at a random moment.
func (p *Pool) watch(ctx context.Context, s *Server, set checkSettings) {
	wait := time.Duration(unit(rand.Uint64()) * float64(min(set.interval, time.Second)))
	for sleep(ctx, wait) {
		problem := p.check(ctx, s, set)
		if ctx.Err() != nil {
			return
		}
		every := set.interval
		if p.checked(s, problem) {
			every = min(every, max(every/10, time.Second)) // a closer look
		}
		wait = time.Duration(float64(every) * (0.8 + 0.4*unit(rand.Uint64())))
	}
}

// checked notes a result and reports whether it asks for a closer look.
func (p *Pool) checked(s *Server, problem string) (closer bool) {
	v := p.view.Load()
	s.mu.Lock()
	before := s.health.status
	now := p.now()
	closer = s.health.checked(p.epoch.Add(time.Duration(now)), problem, v.limits)
	s.health.settle(p.epoch, now)
	after := s.health.status
	s.mu.Unlock()
	if before != after {
		p.refresh(v, now)
	}
	return closer
}

// check asks the server once; the answer is empty when it is fine.
func (p *Pool) check(ctx context.Context, s *Server, set checkSettings) (problem string) {
	ctx, cancel := context.WithTimeout(ctx, set.timeout)
	defer cancel()
	if service, ok := grpcService(set.path); ok {
		problem = p.checkGRPC(ctx, s, service)
		if problem != "" && ctx.Err() != nil {
			problem = fmt.Sprintf("grpc health check: no answer within %v", set.timeout)
		}
		return problem
	}
	to := s.settings.Load()
	u := *to.target
	u.Path, u.RawPath = joinPath(&u, set.path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("User-Agent", "upshift-health-check")
	resp, err := p.transportOf(to).RoundTrip(req) // follows no redirect
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Sprintf("GET %s: no answer within %v", set.path, set.timeout)
		}
		return fmt.Sprintf("GET %s: %v", set.path, err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, maxCheckBody); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Sprintf("GET %s: read answer: %v", set.path, err)
	}
	s.reported(p.now(), resp.Header)
	switch {
	case resp.StatusCode/100 == 3:
		return fmt.Sprintf("GET %s: answered %s; redirects are not followed", set.path, resp.Status)
	case resp.StatusCode/100 != 2:
		return fmt.Sprintf("GET %s: answered %s", set.path, resp.Status)
	}
	return ""
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
