package run

import (
	"context"
	"sync"
	"time"
)

// Loop does one thing at an interval, spread by ±20 %. After a failure it waits
// twice as long, up to eight intervals, and returns to its interval with the next
// success. The first round comes one interval after the start.
type Loop struct {
	name string
	do   func(ctx context.Context) (result string, err error)

	mu    sync.Mutex // guards the fields below
	every time.Duration
	state LoopState
}

// LoopState is the last thing a loop did and when it will act again.
type LoopState struct {
	Name         string    `json:"name"`
	EverySeconds float64   `json:"every_seconds"`
	Runs         int       `json:"runs"`
	Failures     int       `json:"failures"`
	LastRun      time.Time `json:"last_run,omitzero"`
	TookSeconds  float64   `json:"took_seconds"`
	LastResult   string    `json:"last_result,omitempty"`
	LastError    string    `json:"last_error,omitempty"`
	NextRun      time.Time `json:"next_run,omitzero"`
}

// NewLoop returns a loop that calls do each interval; do says in a few words what
// it did. A panic of do counts as its failure.
func NewLoop(name string, every time.Duration, do func(ctx context.Context) (string, error)) *Loop {
	return &Loop{name: name, every: every, do: do, state: LoopState{Name: name}}
}

// Part returns the loop as a part of a [Group].
func (l *Loop) Part() Part { return Part{Name: l.name, Run: l.Run} }

// Run calls do at the interval until ctx ends.
func (l *Loop) Run(ctx context.Context) error {
	failures := 0
	for {
		wait := jitter(l.interval(failures))
		l.next(wait)
		if !sleep(ctx, wait) {
			return nil
		}
		if l.once(ctx) {
			failures = 0
		} else {
			failures++
		}
	}
}

// State returns what the loop did last.
func (l *Loop) State() LoopState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	s.EverySeconds = l.every.Seconds()
	return s
}

func (l *Loop) interval(failures int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.every << min(failures, 3)
}

func (l *Loop) next(wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.NextRun = time.Now().Add(wait).UTC()
}

// once does one round and reports whether it went well.
func (l *Loop) once(ctx context.Context) bool {
	began := time.Now()
	var result string
	err := guarded(ctx, func(ctx context.Context) (err error) {
		result, err = l.do(ctx)
		return err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Runs++
	l.state.LastRun, l.state.TookSeconds = began.UTC(), time.Since(began).Seconds()
	if err != nil {
		l.state.Failures++
		l.state.LastError = err.Error()
		return false
	}
	l.state.LastResult, l.state.LastError = result, ""
	return true
}
