package advise

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sentientcore/upshift/postgres"
)

// Advisor looks for indexes that the workload of a monitored database is worth.
type Advisor struct {
	monitor *postgres.Monitor
	cfg     Config
	busy    chan struct{}

	mu   sync.Mutex // guards the field below
	last Advice
}

// ErrBusy is returned while another search runs.
var ErrBusy = errors.New("advise: another search is running; its result is shown when it is done")

// New returns an advisor of m's database, or the faults of cfg.
func New(m *postgres.Monitor, cfg Config) (*Advisor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Advisor{monitor: m, cfg: cfg.withDefaults(), busy: make(chan struct{}, 1)}, nil
}

// Refresh searches anew, on a session of its own, and gives what it finds to the monitor. Errors carry no password.
func (a *Advisor) Refresh(ctx context.Context) (Advice, error) {
	select {
	case a.busy <- struct{}{}:
		defer func() { <-a.busy }()
	default:
		return Advice{}, ErrBusy
	}
	workload, err := a.monitor.Workload(ctx, a.cfg.MaxStatements)
	if err != nil {
		return Advice{}, fmt.Errorf("advise: %w", err)
	}
	list := make([]Statement, 0, len(workload))
	for _, w := range workload {
		list = append(list, Statement{
			SQL: w.SQL, Fingerprint: w.Fingerprint, Query: w.Query, CallsPerDay: w.CallsPerDay, MeanSeconds: w.MeanSeconds,
		})
	}
	conn, within, done, err := a.monitor.Dial(ctx)
	if err != nil {
		return Advice{}, fmt.Errorf("advise: %w", err)
	}
	defer done()
	advice, err := Search(within, conn, list, a.cfg)
	if errors.Is(err, ErrNothingToDo) {
		advice, err = Advice{Recommendations: []postgres.Recommendation{}, Skipped: []Skipped{}}, nil
	}
	if err != nil {
		return advice, a.monitor.Clean(err)
	}
	a.monitor.Recommend(advice.Recommendations)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = advice
	return advice, nil
}

// Last returns what the last search found.
func (a *Advisor) Last() Advice {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}
