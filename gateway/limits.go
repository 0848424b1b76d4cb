package gateway

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxTenants bounds the tenants whose use is remembered. The one that came longest ago is forgotten,
// unless it has requests under way.
const maxTenants = 4096

// limitKind is a kind of limit.
type limitKind int

const (
	limitRequests    limitKind = iota // requests a second
	limitTokens                       // tokens a minute
	limitConcurrency                  // of a tenant
	limitOverload                     // of all
	limitKinds
)

var limitNames = [limitKinds]string{"requests", "tokens", "concurrency", "overload"}

// limitError says that a request is beyond a limit.
type limitError struct {
	kind  limitKind
	key   string // of the configuration
	why   error  // why a gate did not let it in
	after time.Duration
}

// Error names the limit.
func (e *limitError) Error() string { return "gateway: " + e.key + " is reached" }

// limits are those in force, and what tenants have used.
type limits struct {
	// idle says that there are none.
	idle atomic.Bool
	all  gate

	mu      sync.Mutex // guards the fields below
	cfg     *settings
	rules   map[string]int // of the names of tenants
	tenants map[string]*list.Element
	order   *list.List // of *tenant, the one that came last in front
}

func (ls *limits) init() {
	ls.tenants, ls.order = map[string]*list.Element{}, list.New()
	ls.idle.Store(true)
}

// apply puts a configuration in force. What was used stays used.
func (ls *limits) apply(c *settings) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.cfg, ls.rules = c, map[string]int{}
	for i, l := range c.Limits {
		ls.rules[l.Tenant] = i
	}
	for e := ls.order.Front(); e != nil; e = e.Next() {
		t, _ := e.Value.(*tenant)
		ls.rule(t)
	}
	ls.all.set(c.MaxConcurrency, c.QueueSize, c.QueueTimeout)
	ls.idle.Store(len(c.Limits) == 0 && c.MaxConcurrency == 0)
}

// rule gives a tenant its limit, if it has one. The lock is held.
func (ls *limits) rule(t *tenant) {
	i, ok := ls.rules[t.name]
	if !ok {
		i, ok = ls.rules[EachTenant]
	}
	if !ok {
		t.set(-1, Limit{}, ls.cfg)
		return
	}
	t.set(i, ls.cfg.Limits[i], ls.cfg)
}

// of returns the tenant of a request.
func (ls *limits) of(h http.Header) *tenant {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	name := tenantName(ls.cfg.TenantBy, h)
	e, ok := ls.tenants[name]
	if !ok {
		t := &tenant{name: name}
		ls.rule(t)
		e = ls.order.PushFront(t)
		ls.tenants[name] = e
		ls.forget()
	}
	ls.order.MoveToFront(e)
	t, _ := e.Value.(*tenant)
	return t
}

// forget makes room for a new tenant. The lock is held.
func (ls *limits) forget() {
	for e := ls.order.Back(); e != nil && ls.order.Len() > maxTenants; {
		before := e.Prev()
		t, _ := e.Value.(*tenant)
		if inside, waiting := t.gate.state(); inside+waiting == 0 {
			ls.order.Remove(e)
			delete(ls.tenants, t.name)
		}
		e = before
	}
}

// limited looks up the tenant of an exchange and refuses it if it comes too often.
func (x *exchange) limited() *problem {
	ls := &x.g.limits
	if ls.idle.Load() {
		return nil
	}
	x.tenant = ls.of(x.request.Header)
	ls.mu.Lock()
	limiter, rule := x.tenant.requests, x.tenant.rule
	ls.mu.Unlock()
	if limiter == nil {
		return nil
	}
	now := time.Now()
	r := limiter.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		return x.problemOfLimit(&limitError{
			kind: limitRequests, key: fmt.Sprintf("gateway.limits[%d].requests_per_second", rule), after: delay,
		})
	}
	return nil
}

// admit waits until a request may go to a server. The caller calls leave when that has ended.
func (x *exchange) admit(ctx context.Context) (leave func(), err error) {
	ls := &x.g.limits
	if ls.idle.Load() {
		return func() {}, nil
	}
	began := time.Now()
	defer func() { x.g.count.queueTime.record(time.Since(began)) }()
	t, priority := x.tenant, priorities[PriorityLow] // who is not a client's waits for those who are
	if t != nil {
		if priority, err = x.admitTenant(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := ls.all.enter(ctx, priority); err != nil {
		if t != nil {
			t.gate.leave()
		}
		return nil, gateError(limitOverload, "gateway.max_concurrency", err)
	}
	return func() {
		ls.all.leave()
		if t != nil {
			t.gate.leave()
		}
	}, nil
}

// admitTenant lets a request pass the limits of its tenant, and returns its priority.
func (x *exchange) admitTenant(ctx context.Context, t *tenant) (priority int, err error) {
	x.g.limits.mu.Lock()
	tokens, rule := t.tokens, t.rule
	priority = min(t.priority, x.askedPriority(t.priority))
	x.g.limits.mu.Unlock()
	if tokens != nil && x.model != nil {
		if after := wait(tokens, 1, time.Now()); after > 0 {
			return 0, &limitError{
				kind: limitTokens, key: fmt.Sprintf("gateway.limits[%d].tokens_per_minute", rule), after: after,
			}
		}
	}
	if err := t.gate.enter(ctx, priority); err != nil {
		return 0, gateError(limitConcurrency, fmt.Sprintf("gateway.limits[%d].concurrency", rule), err)
	}
	return priority, nil
}

// askedPriority is the one that the request asks for, or usual.
func (x *exchange) askedPriority(usual int) int {
	name := x.request.Header.Get("X-Upshift-Priority")
	if p, ok := priorities[name]; ok && name != "" {
		return p
	}
	return usual
}

// gateError is why a gate did not let a request in; that its client left is no limit's doing.
func gateError(kind limitKind, key string, err error) error {
	if errors.Is(err, errQueueFull) || errors.Is(err, errQueueTimeout) || errors.Is(err, errDisplaced) {
		return &limitError{kind: kind, key: key, why: err, after: time.Second}
	}
	return err
}

// problemOfLimit is the answer to a request beyond a limit, which it counts.
func (x *exchange) problemOfLimit(e *limitError) *problem {
	x.g.count.limited[e.kind].Add(1)
	p := &problem{status: http.StatusTooManyRequests, limit: e.key, retryAfter: e.after}
	switch e.kind {
	case limitRequests:
		p.detail = "there are more requests than this tenant may send"
	case limitTokens:
		p.detail = "this tenant has used its tokens of language models"
	case limitConcurrency:
		p.detail = "too many requests of this tenant are under way"
	default:
		p.status = http.StatusServiceUnavailable
		p.detail = "too many requests are under way"
	}
	switch {
	case errors.Is(e.why, errQueueTimeout):
		p.detail += ", and this one has waited in the queue for as long as it may"
	case e.why != nil:
		p.detail += ", and the queue is full"
	}
	p.hint = "try again after the time in Retry-After, or raise " + e.key
	return p
}

// TenantStats are the figures of a tenant that has limits.
type TenantStats struct {
	// InFlight are its requests at servers now, Waiting those in its queue.
	InFlight int `json:"in_flight"`
	Waiting  int `json:"waiting"`
	// TokensLeft are those of language models that it may use now; below zero, it has used more
	// and waits. Absent without a limit.
	TokensLeft *float64 `json:"tokens_left,omitempty"`
}

// maxShown bounds the tenants in statistics, those that came last.
const maxShown = 100

// read returns the tenants, and how many requests wait.
func (ls *limits) read(now time.Time) (shown map[string]TenantStats, waiting int) {
	_, waiting = ls.all.state()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	shown = map[string]TenantStats{}
	for e := ls.order.Front(); e != nil; e = e.Next() {
		t, _ := e.Value.(*tenant)
		s := TenantStats{}
		s.InFlight, s.Waiting = t.gate.state()
		waiting += s.Waiting
		if t.tokens != nil {
			left := t.tokens.TokensAt(now)
			s.TokensLeft = &left
		}
		if len(shown) < maxShown && t.rule >= 0 {
			shown[t.name] = s
		}
	}
	return shown, waiting
}
