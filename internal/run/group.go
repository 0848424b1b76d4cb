package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// ErrStopped is returned by [Group.Start] after [Group.Stop]: a group lives once.
var ErrStopped = errors.New("run: already stopped")

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 30 * time.Second
)

// Group opens, runs and closes parts. Its methods are safe for concurrent use.
type Group struct {
	logger *slog.Logger
	parts  []*member

	lifecycle sync.Mutex // serialises Start and Stop
	started   bool
	stopped   bool
}

type member struct {
	Part
	cancel context.CancelFunc
	done   chan struct{} // closed when the supervised Run has ended

	mu    sync.Mutex // guards state
	state State
}

// New returns a group of parts, ground floor first. A nil logger discards.
func New(logger *slog.Logger, parts ...Part) *Group {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	g := &Group{logger: logger}
	for _, p := range parts {
		g.parts = append(g.parts, &member{Part: p, state: State{Name: p.Name, Phase: PhaseStopped}})
	}
	return g
}

// Start opens and runs the parts in order. ctx bounds the opening only. When a
// part does not open, the error names it and all before it are closed again.
func (g *Group) Start(ctx context.Context) error {
	g.lifecycle.Lock()
	defer g.lifecycle.Unlock()
	if g.stopped {
		return ErrStopped
	}
	if g.started {
		return nil
	}
	for i, m := range g.parts {
		if err := g.open(ctx, m); err != nil {
			g.stopped = true
			stopErr := g.stopFrom(context.WithoutCancel(ctx), i-1)
			return errors.Join(fmt.Errorf("start %s: %w", m.Name, err), stopErr)
		}
	}
	g.started = true
	return nil
}

func (g *Group) open(ctx context.Context, m *member) error {
	if m.Open != nil {
		if err := m.Open(ctx); err != nil {
			m.fail(err, PhaseStopped)
			return err
		}
	}
	m.set(PhaseRunning)
	if m.Run == nil {
		return nil
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel, m.done = cancel, make(chan struct{})
	go g.supervise(runCtx, m)
	return nil
}

// supervise runs a part until its context ends, restarting it when it fails.
func (g *Group) supervise(ctx context.Context, m *member) {
	defer close(m.done)
	wait := backoffMin
	for {
		began := time.Now()
		err := guarded(ctx, m.Run)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		if time.Since(began) > backoffMax {
			wait = backoffMin
		}
		m.fail(err, PhaseDegraded)
		g.logger.Error("part failed, will restart", "part", m.Name, "err", err, "retry_in_ms", wait.Milliseconds())
		if !sleep(ctx, jitter(wait)) {
			return
		}
		wait = min(2*wait, backoffMax)
		m.restarted()
	}
}

// guarded turns a panic of fn into an error that carries its stack.
func guarded(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return fn(ctx)
}

// PanicError is a panic of a part's Run, as [State.LastError] reports it.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Stop ends the parts in reverse order. Every part is stopped even when one
// fails or ctx ends first; the errors are joined. It is idempotent and may follow
// no Start.
func (g *Group) Stop(ctx context.Context) error {
	g.lifecycle.Lock()
	defer g.lifecycle.Unlock()
	if g.stopped {
		return nil
	}
	g.stopped = true
	if !g.started {
		return nil
	}
	return g.stopFrom(ctx, len(g.parts)-1)
}

func (g *Group) stopFrom(ctx context.Context, last int) error {
	var errs []error
	for i := last; i >= 0; i-- {
		m := g.parts[i]
		m.set(PhaseStopping)
		if m.cancel != nil {
			m.cancel()
			<-m.done
		}
		if m.Close != nil {
			if err := m.Close(ctx); err != nil {
				m.fail(err, PhaseStopped)
				errs = append(errs, fmt.Errorf("stop %s: %w", m.Name, err))
				continue
			}
		}
		m.set(PhaseStopped)
	}
	return errors.Join(errs...)
}

// States returns the state of every part, ground floor first.
func (g *Group) States() []State {
	states := make([]State, len(g.parts))
	for i, m := range g.parts {
		m.mu.Lock()
		states[i] = m.state
		m.mu.Unlock()
	}
	return states
}

func (m *member) set(phase string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Phase, m.state.Since = phase, time.Now().UTC()
}

func (m *member) fail(err error, phase string) {
	m.set(phase)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.LastError, m.state.LastErrorAt = err.Error(), time.Now().UTC()
}

func (m *member) restarted() {
	m.set(PhaseRunning)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Restarts++
}

// jitter spreads d over 80–120 %, so that many processes do not act at once.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
