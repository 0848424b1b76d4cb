package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentientcore/upshift/metrics"
)

// Engine evaluates the rules and tells of what changes. All its methods may be called
// concurrently.
type Engine struct {
	store    *metrics.Store
	logger   *slog.Logger
	notifier *notifier

	evaluating sync.Mutex // one evaluation at a time

	mu     sync.Mutex // guards the fields below
	config Config
	limits Thresholds
	tracks map[string]*track // by rule
	count  counters
}

// New returns an engine over what store keeps, and starts nothing. The error names every
// fault of the configuration. A nil logger is silent.
func New(cfg Config, limits Thresholds, store *metrics.Store, logger *slog.Logger) (*Engine, error) {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return nil, err
	}
	if store == nil {
		return nil, errors.New("alert: no store of metrics")
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{store: store, logger: logger, notifier: newNotifier(logger), tracks: map[string]*track{}}
	return e, e.Apply(cfg, limits)
}

// Apply puts cfg and limits in force while the engine runs; alerts that are pending or
// firing are judged by them from the next evaluation on. With an error nothing changes.
func (e *Engine) Apply(cfg Config, limits Thresholds) error {
	if err := errors.Join(cfg.Validate(), limits.Validate()); err != nil {
		return err
	}
	cfg, limits = cfg.WithDefaults(), limits.WithDefaults()
	if err := e.notifier.apply(cfg); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config, e.limits = cfg, limits
	return nil
}

// Run sends notifications until ctx ends. What is then unsent is dropped and counted.
func (e *Engine) Run(ctx context.Context) error {
	e.notifier.run(ctx)
	return nil
}

// Evaluate judges every rule by what is stored as of at and returns the changes, in the
// order of the rules. A rule that cannot be evaluated keeps its state; the error joins all
// such failures. It waits for no receiver.
func (e *Engine) Evaluate(ctx context.Context, at time.Time) ([]Transition, error) {
	e.evaluating.Lock()
	defer e.evaluating.Unlock()
	rules := e.rules()
	readings := make([]reading, len(rules))
	errs := make([]error, len(rules))
	for i, r := range rules {
		readings[i] = e.read(ctx, r, at)
		if err := readings[i].err; err != nil {
			errs[i] = fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	transitions := e.step(rules, readings)
	for _, t := range transitions {
		e.tell(t)
	}
	return transitions, errors.Join(errs...)
}

// read evaluates one rule.
func (e *Engine) read(ctx context.Context, r Rule, at time.Time) reading {
	now := reading{at: at}
	if r.MinRequests > 0 {
		n, known, err := e.query(ctx, fmt.Sprintf(requestsExpr, seconds(r.WindowSeconds)), at)
		now.requests, now.err = n, err
		if err != nil || !known || math.Round(n) < float64(r.MinRequests) {
			return now
		}
	}
	now.value, now.known, now.err = e.query(ctx, r.Expr, at)
	return now
}

// query returns the one value of an expression; none where it is not finite.
func (e *Engine) query(ctx context.Context, expr string, at time.Time) (value float64, known bool, err error) {
	result, err := e.store.Query(ctx, expr, at)
	if err != nil {
		return 0, false, err
	}
	samples := result.Samples()
	if len(samples) == 0 || math.IsNaN(samples[0].Value) || math.IsInf(samples[0].Value, 0) {
		return 0, false, nil
	}
	return samples[0].Value, true, nil
}

// step feeds the readings to the rules' states.
func (e *Engine) step(rules []Rule, readings []reading) []Transition {
	e.mu.Lock()
	defer e.mu.Unlock()
	transitions := []Transition{}
	e.count.evaluations++
	for i, r := range rules {
		t := e.tracks[r.Name]
		if t == nil {
			t = &track{}
			e.tracks[r.Name] = t
		}
		switch {
		case readings[i].err != nil:
			e.count.errors++
		case !readings[i].known:
			e.count.noData++
		}
		if tr := t.step(r, readings[i]); tr != nil {
			transitions = append(transitions, *tr)
			e.count.change(r.Name, tr.Status)
		}
	}
	return transitions
}

// tell logs a transition and queues those that people are told of.
func (e *Engine) tell(t Transition) {
	attrs := []any{
		"rule", t.Rule, "from", t.From, "status", t.Status, "value", t.Value, "threshold", t.Threshold,
		"unit", t.Unit, "since", t.Since, "summary", t.Summary,
	}
	switch t.Status {
	case StatusFiring:
		e.logger.Warn("alert: firing", append(attrs, "action", t.Action)...)
	case StatusResolved:
		e.logger.Warn("alert: resolved", attrs...)
	default:
		e.logger.Debug("alert: changed", attrs...)
		return
	}
	e.notifier.enqueue(t)
}

// rules returns the rules now in force, without state.
func (e *Engine) rules() []Rule {
	e.mu.Lock()
	defer e.mu.Unlock()
	return rulesOf(e.config, e.limits, window(e.store.Config()))
}

// Rules returns all rules with their states, in a fixed order.
func (e *Engine) Rules() []Rule {
	rules := e.rules()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range rules {
		t := e.tracks[rules[i].Name]
		if t == nil {
			rules[i].NoData = true
			continue
		}
		if t.state != "" {
			rules[i].State = t.state
		}
		rules[i].Value, rules[i].NoData, rules[i].EvaluatedAt = t.known.value, !t.last.known, t.last.at.UTC()
		if t.last.err != nil {
			rules[i].LastError = t.last.err.Error()
		}
	}
	return rules
}

// Active returns the alerts that are pending or firing: firing ones first, then the oldest.
// The list is never nil.
func (e *Engine) Active() []Alert {
	rules := e.rules()
	e.mu.Lock()
	defer e.mu.Unlock()
	active := []Alert{}
	for _, r := range rules {
		if t := e.tracks[r.Name]; t != nil && (t.state == StatusPending || t.state == StatusFiring) {
			active = append(active, t.view(r))
		}
	}
	slices.SortStableFunc(active, func(a, b Alert) int {
		if a.Status != b.Status {
			return strings.Compare(a.Status, b.Status) // firing before pending
		}
		return a.Since.Compare(b.Since)
	})
	return active
}
