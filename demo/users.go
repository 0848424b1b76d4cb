package demo

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// crossings is how often an action of a user crosses the gateway on average: a question
	// does five times, everything else once.
	crossings = askShare*5 + (1 - askShare)
	// The shares of what users do; what is left reads the list of models.
	askShare    = 0.30
	searchShare = 0.45
	embedShare  = 0.10
	// leaveShare is how many of those who ask leave before the answer ends.
	leaveShare = 0.05
	// maxUsers bounds the actions in flight.
	maxUsers = 256
	// zipf is how much more often popular questions are asked.
	zipf = 1.2
)

// users are the load: people who ask, search and leave, at arrivals that do not wait for
// answers.
type users struct {
	gateway   *caller
	questions []string
	perSecond float64 // actions, on average
	logger    *slog.Logger

	rng     *rand.Rand
	popular *rand.Zipf
	slots   chan struct{}
	counts  userCounts
}

// userCounts are what has happened so far.
type userCounts struct {
	done, failed, left, turnedAway atomic.Int64
}

// newUsers makes users that cause cfg.Rate requests a second at the gateway on average.
func newUsers(gateway *caller, questions []string, cfg Config) *users {
	rng := rand.New(rand.NewPCG(cfg.Seed, 2))
	return &users{
		gateway: gateway, questions: questions, perSecond: cfg.Rate / crossings, rng: rng,
		popular: rand.NewZipf(rng, zipf, 1, uint64(len(questions)-1)),
		slots:   make(chan struct{}, maxUsers), logger: cfg.Logger,
	}
}

// run lets users arrive until ctx ends, and returns when the last one has gone.
func (u *users) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	began := time.Now()
	for due := began; ; {
		due = due.Add(gap(u.rng, u.perSecond*load(due.Sub(began))))
		if late := time.Since(due); late > time.Second {
			due = due.Add(late) // a machine that slept does not catch up
		}
		if pause(ctx, time.Until(due)) != nil {
			return
		}
		act := u.next()
		select {
		case u.slots <- struct{}{}:
		default:
			u.counts.turnedAway.Add(1)
			continue
		}
		wg.Go(func() {
			defer func() { <-u.slots }()
			u.count(ctx, act(ctx))
		})
	}
}

// errLeft is the outcome of a user who did not wait for the end.
var errLeft = errors.New("demo: the user has left")

func (u *users) count(ctx context.Context, err error) {
	switch {
	case err == nil:
		u.counts.done.Add(1)
	case errors.Is(err, errLeft):
		u.counts.left.Add(1)
	case ctx.Err() == nil:
		u.counts.failed.Add(1)
		u.logger.Debug("a user got no answer", "err", err)
	}
}

// next draws what the next user does. All chance is drawn here, so that the same seed is
// the same load.
func (u *users) next() func(context.Context) error {
	text := u.questions[u.popular.Uint64()]
	switch share := u.rng.Float64(); {
	case share < askShare:
		q := question{Text: text, MaxTokens: tokens(u.rng)}
		patience := streamTimeout
		if u.rng.Float64() < leaveShare {
			patience = time.Duration(u.rng.Float64() * float64(400*time.Millisecond))
		}
		return func(ctx context.Context) error { return u.ask(ctx, q, patience) }
	case share < askShare+searchShare:
		return func(ctx context.Context) error {
			return u.gateway.get(ctx, "/retrieve?k=8&q="+url.QueryEscape(text), nil)
		}
	case share < askShare+searchShare+embedShare:
		return func(ctx context.Context) error {
			return u.gateway.post(ctx, "/v1/embeddings", embeddingRequest{Input: []string{text}}, nil)
		}
	default:
		return func(ctx context.Context) error { return u.gateway.get(ctx, "/v1/models", nil) }
	}
}

// ask reads the whole streamed answer, or as much of it as patience allows.
func (u *users) ask(ctx context.Context, q question, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errLeft)
	defer cancel()
	resp, err := u.gateway.send(ctx, http.MethodPost, "/ask", q)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err != nil && errors.Is(context.Cause(ctx), errLeft) && patience < streamTimeout {
		return errLeft
	}
	return err
}
