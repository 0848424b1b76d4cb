package rediscache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

const (
	// breakerFailures in a row keep callers from asking.
	breakerFailures = 3
	connectEvery    = 250 * time.Millisecond
	connectSlowest  = 2 * time.Second
)

// Tier is a [cache.Remote] on a server. Its methods may be called at the same time.
type Tier struct {
	cfg     Config
	options rueidis.ClientOption
	logger  *slog.Logger
	self    string // this process in channels and messages
	// ordered says that the server does what is sent together one after the other.
	ordered bool
	breaker circuitbreaker.CircuitBreaker[any]
	client  atomic.Pointer[rueidis.Client]
	feed    feedState
	// heldUntil is when writes are tried again, in nanoseconds since 1970.
	heldUntil atomic.Int64

	mu    sync.Mutex // guards the fields below
	stats cache.RedisStats
	// down is why the feed does not live, failed what went wrong last, refused what the server said to
	// the last writes.
	down, failed, refused error
}

var (
	_ cache.Remote     = (*Tier)(nil)
	_ cache.ManyLooker = (*Tier)(nil)
)

// New returns a tier, or the faults of cfg. It opens nothing. A nil logger discards.
func New(cfg Config, logger *slog.Logger) (*Tier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	t := &Tier{cfg: cfg.WithDefaults(), options: options, logger: logger, self: rand.Text()}
	t.ordered = options.ForceSingleClient || options.Sentinel.MasterSet != ""
	t.stats.Since = time.Now()
	t.down = errors.New("not connected yet")
	t.feed.init()
	t.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(breakerFailures).WithSuccessThreshold(1).WithDelay(beatEvery).
		Build()
	return t, nil
}

// Run implements [cache.Remote].
func (t *Tier) Run(ctx context.Context, feed cache.Feed) error {
	data := t.connect(ctx, feed)
	if data == nil {
		return nil
	}
	defer data.Close()
	t.client.Store(&data)
	defer t.client.Store(nil)
	listener := t.connect(ctx, feed)
	if listener == nil {
		return nil
	}
	var following sync.WaitGroup
	following.Go(func() { t.follow(ctx, listener) })
	t.watch(ctx, data, feed)
	following.Wait()
	listener.Close()
	return nil
}

// connect makes a client, however long it takes; nil when ctx ends. From then on the client
// reconnects by itself.
func (t *Tier) connect(ctx context.Context, feed cache.Feed) rueidis.Client {
	for wait := connectEvery; ; wait = min(2*wait, connectSlowest) {
		if ctx.Err() != nil {
			return nil
		}
		client, err := rueidis.NewClient(t.options)
		if err == nil {
			return client
		}
		t.setDown(err)
		feed.Lost(err)
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// pause waits, and reports false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// do runs commands for callers, and lets the breaker know.
func (t *Tier) do(ctx context.Context, timeout time.Duration, commands func(b rueidis.Builder) []rueidis.Completed) (
	[]rueidis.RedisResult, error,
) {
	client := t.client.Load()
	if client == nil || !t.breaker.IsClosed() {
		return nil, cache.ErrRemoteUnavailable
	}
	bounded, cancel := context.WithTimeout(ctx, max(timeout, cache.Patience(ctx)))
	defer cancel()
	began := time.Now()
	results := (*client).DoMulti(bounded, commands((*client).B())...)
	for _, r := range results {
		err := r.Error()
		if !broken(err) {
			continue
		}
		if ctx.Err() != nil { // the caller gave up
			return nil, ctx.Err()
		}
		t.fail(err)
		return nil, fmt.Errorf("%w: %w", cache.ErrRemoteUnavailable, err)
	}
	if time.Since(began) <= timeout { // what came late says nothing for it
		t.breaker.RecordSuccess()
	}
	return results, nil
}

// fail counts a failure.
func (t *Tier) fail(err error) {
	t.setFailed(err)
	was := t.breaker.IsClosed()
	t.breaker.RecordFailure()
	if was && !t.breaker.IsClosed() {
		t.changed()
		t.logger.Warn("second cache tier does not answer; memory serves alone", "err", err)
	}
}

// recover ends a failure: the server answered a probe.
func (t *Tier) recover() {
	if t.breaker.IsClosed() {
		return
	}
	if t.breaker.TryAcquirePermit() {
		t.breaker.RecordSuccess()
		t.changed()
		t.logger.Info("second cache tier answers again")
	}
}

// broken reports whether an error is the server's or the network's rather than the command's.
func broken(err error) bool {
	if err == nil {
		return false
	}
	answer, ok := rueidis.IsRedisErr(err)
	if !ok {
		return !rueidis.IsRedisNil(err)
	}
	return answer.IsLoading() || answer.IsClusterDown() || hasCode(answer, "MASTERDOWN") || hasCode(answer, "BUSY") ||
		hasCode(answer, "NOAUTH") || hasCode(answer, "NOPERM") || hasCode(answer, "WRONGPASS")
}

func hasCode(err *rueidis.RedisError, code string) bool {
	text := err.Error()
	return len(text) > len(code) && text[:len(code)] == code && text[len(code)] == ' '
}
