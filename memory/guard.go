package memory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// ErrPressure is wrapped by [GuardError].
var ErrPressure = errors.New("memory: not enough left")

// Bounds and defaults of [GuardOptions].
const (
	DefaultGuardRatio = 0.9

	guardAge  = 100 * time.Millisecond // how long a look at memory is good for a guard
	guardStep = 100 * time.Millisecond // between two looks while it waits
)

// GuardError says that a guarded function was not called.
type GuardError struct {
	Name string
	// Ratio is the share of the limit in use, MaxRatio what is allowed, Source the limit's.
	Ratio    float64
	MaxRatio float64
	Source   string
	// Waited is how long it was waited for memory to be let go.
	Waited time.Duration
}

// Error implements error.
func (e *GuardError) Error() string {
	return fmt.Sprintf("%s: %v: %.0f %% of the %s limit is in use, %.0f %% allowed, after %v; try again later or raise the limit",
		e.Name, ErrPressure, 100*e.Ratio, e.Source, 100*e.MaxRatio, e.Waited.Round(time.Millisecond))
}

// Unwrap returns [ErrPressure].
func (e *GuardError) Unwrap() error { return ErrPressure }

// GuardOptions describe a guard.
type GuardOptions struct {
	// Name is used in errors.
	Name string
	// MaxRatio is the share of the memory limit, 0 to 1, over which the function is not called.
	// Zero means 0.9.
	MaxRatio float64
	// Wait is how long a call may wait for memory; zero refuses it at once. However long, it
	// ends with the caller's context.
	Wait time.Duration
	// MaxWaiting bounds the calls that wait; more are refused at once. Zero means 100.
	MaxWaiting int
}

// Guard wraps a function so that it is only called while memory is left: over the ratio,
// callbacks and pools are first asked to let go, as in [Monitor.Check], and then the call waits
// or is refused with a [GuardError]. While memory is left it costs some tens of nanoseconds.
// A nil monitor guards nothing.
func Guard[A, R any](
	m *Monitor, opts GuardOptions, fn func(context.Context, A) (R, error),
) (func(context.Context, A) (R, error), error) {
	g, err := newGuard(m, opts)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, arg A) (R, error) {
		if m != nil {
			if err := g.enter(ctx); err != nil {
				var none R
				return none, err
			}
		}
		return fn(ctx, arg)
	}, nil
}

// guard is one guarded function.
type guard struct {
	opts    GuardOptions
	look    func() usage
	relieve func(context.Context)
	waiting atomic.Int64
}

func newGuard(m *Monitor, opts GuardOptions) (*guard, error) {
	var errs []error
	if math.IsNaN(opts.MaxRatio) || opts.MaxRatio < 0 || opts.MaxRatio > 1 {
		errs = append(errs, fmt.Errorf("memory: guard %s: MaxRatio must be between 0 and 1 (got %v)", opts.Name, opts.MaxRatio))
	}
	if opts.Wait < 0 {
		errs = append(errs, fmt.Errorf("memory: guard %s: Wait must not be negative (got %v)", opts.Name, opts.Wait))
	}
	if opts.MaxWaiting < 0 {
		errs = append(errs, fmt.Errorf("memory: guard %s: MaxWaiting must not be negative (got %d)", opts.Name, opts.MaxWaiting))
	}
	if opts.MaxRatio == 0 {
		opts.MaxRatio = DefaultGuardRatio
	}
	if opts.MaxWaiting == 0 {
		opts.MaxWaiting = 100
	}
	g := &guard{opts: opts}
	if m != nil {
		g.look, g.relieve = m.quickLook, m.relieveSoon
	}
	return g, errors.Join(errs...)
}

// enter returns nil when the function may be called.
func (g *guard) enter(ctx context.Context) error {
	use := g.look()
	if use.ratio() <= g.opts.MaxRatio {
		return nil
	}
	g.relieve(ctx)
	if use = g.look(); use.ratio() <= g.opts.MaxRatio {
		return nil
	}
	start := time.Now()
	refusal := func() error {
		return &GuardError{g.opts.Name, use.ratio(), g.opts.MaxRatio, use.source, time.Since(start)}
	}
	if g.opts.Wait == 0 {
		return refusal()
	}
	if g.waiting.Add(1) > int64(g.opts.MaxWaiting) {
		g.waiting.Add(-1)
		return refusal()
	}
	defer g.waiting.Add(-1)
	deadline := time.NewTimer(g.opts.Wait)
	defer deadline.Stop()
	step := time.NewTicker(guardStep)
	defer step.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return refusal()
		case <-step.C:
			if use = g.look(); use.ratio() <= g.opts.MaxRatio {
				return nil
			}
		}
	}
}

// glance is the last look that guards took.
type glance struct {
	at  time.Time
	use usage
}

// glances shares one look among all guards for a tenth of a second.
type glances struct {
	last     atomic.Pointer[glance]
	mu       sync.Mutex // held by the one that looks or relieves
	relieved time.Time  // guarded by mu
}

// quickLook is need, at most a tenth of a second old.
func (m *Monitor) quickLook() usage {
	if g := m.glances.last.Load(); g != nil && time.Since(g.at) < guardAge {
		return g.use
	}
	m.glances.mu.Lock()
	defer m.glances.mu.Unlock()
	if g := m.glances.last.Load(); g != nil && time.Since(g.at) < guardAge {
		return g.use
	}
	return m.lookNow()
}

// lookNow looks anew. The caller holds the lock.
func (m *Monitor) lookNow() usage {
	use := m.need(m.host.read(false), readRuntime())
	m.glances.last.Store(&glance{time.Now(), use})
	return use
}

// relieveSoon makes a Check unless one was made for a guard in the last half minute.
func (m *Monitor) relieveSoon(ctx context.Context) {
	m.glances.mu.Lock()
	defer m.glances.mu.Unlock()
	now := time.Now()
	if !m.glances.relieved.IsZero() && now.Sub(m.glances.relieved) < relieveWait {
		return
	}
	m.glances.relieved = now
	if _, err := m.Check(ctx); err != nil {
		return // ctx has ended, which the caller sees
	}
	m.lookNow()
}
