package run

import (
	"context"
	"time"
)

// Part is one thing with a life of its own. Nil verbs are skipped.
type Part struct {
	// Name is how the part is called in states, logs and errors.
	Name string
	// Open acquires what can fail: files, listeners. It must not block for long.
	Open func(ctx context.Context) error
	// Run blocks until ctx ends and returns after every goroutine of its own
	// ended. An error or a panic restarts it with back-off.
	Run func(ctx context.Context) error
	// Close releases what Open acquired. Its context carries the stop deadline.
	Close func(ctx context.Context) error
}

// The phases of a part, as [State.Phase] shows them.
const (
	PhaseStopped  = "stopped"
	PhaseRunning  = "running"
	PhaseDegraded = "degraded" // Run failed and is waiting for its next try
	PhaseStopping = "stopping"
)

// State is what a part is doing now. It is a copy; reading it blocks nobody.
type State struct {
	Name      string    `json:"name"`
	Phase     string    `json:"phase"`
	Since     time.Time `json:"since"`
	Restarts  int       `json:"restarts"`
	LastError string    `json:"last_error,omitempty"`
	// LastErrorAt is zero while LastError is empty.
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}
