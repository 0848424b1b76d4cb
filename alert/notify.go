package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// queueLimit is the most notifications that wait.
	queueLimit = 64
	// giveUpAfter bounds the tries of one notification.
	giveUpAfter = 15 * time.Minute
	// Waits between tries double from the first to the longest.
	firstWait   = time.Second
	longestWait = time.Minute
)

// Reasons for which notifications are dropped.
const (
	dropQueueFull = "queue_full"
	dropRefused   = "refused"
	dropGivenUp   = "given_up"
	dropShutdown  = "shutdown"
	dropDisabled  = "disabled"
)

func dropReasons() []string {
	return []string{dropQueueFull, dropRefused, dropGivenUp, dropShutdown, dropDisabled}
}

// notification is one message to the webhook.
type notification struct {
	key  string // the same for each try
	rule string
	body []byte
}

// notifier sends notifications in order, from a queue with a bound.
type notifier struct {
	logger *slog.Logger
	wake   chan struct{} // holds a token when there may be something to do

	mu    sync.Mutex // guards the fields below
	hook  *webhook   // nil: none is configured
	queue []notification
	stats NotifierStats
}

func newNotifier(logger *slog.Logger) *notifier {
	return &notifier{
		logger: logger, wake: make(chan struct{}, 1),
		stats: NotifierStats{Dropped: map[string]uint64{}},
	}
}

// apply sends to the webhook of cfg from now on, also what waits.
func (n *notifier) apply(cfg Config) error {
	var hook *webhook
	if cfg.WebhookURL != "" {
		var err error
		if hook, err = newWebhook(cfg.WebhookURL, cfg.WebhookAllowPrivate); err != nil {
			return fmt.Errorf("alerts.webhook_url: %w", err)
		}
	}
	n.mu.Lock()
	n.hook = hook
	n.mu.Unlock()
	n.signal()
	return nil
}

// enqueue takes a transition to be sent. It never waits: when the queue is full, the oldest
// in it is dropped.
func (n *notifier) enqueue(t Transition) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hook == nil {
		return
	}
	body, err := json.Marshal(t)
	if err != nil {
		n.logger.Error("alert: notification cannot be encoded", "rule", t.Rule, "err", err)
		n.stats.Dropped[dropRefused]++
		return
	}
	if len(n.queue) >= queueLimit {
		n.queue = append(n.queue[:0], n.queue[1:]...)
		n.stats.Dropped[dropQueueFull]++
	}
	n.queue = append(n.queue, notification{key: t.ID + "-" + t.Status, rule: t.Rule, body: body})
	n.signal()
}

func (n *notifier) signal() {
	select {
	case n.wake <- struct{}{}:
	default: // a token is there already
	}
}

// run delivers until ctx ends.
func (n *notifier) run(ctx context.Context) {
	for ctx.Err() == nil {
		m, ok := n.next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-n.wake:
			}
			continue
		}
		n.deliver(ctx, m)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if left := len(n.queue); left > 0 {
		n.stats.Dropped[dropShutdown] += uint64(left)
		n.queue = nil
		n.logger.Warn("alert: stopped with notifications unsent", "count", left)
	}
}

func (n *notifier) next() (notification, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return notification{}, false
	}
	m := n.queue[0]
	n.queue = append(n.queue[:0], n.queue[1:]...)
	n.stats.InFlight = true
	return m, true
}

// deliver tries until the receiver takes m, refuses it, or it is too late.
func (n *notifier) deliver(ctx context.Context, m notification) {
	began := time.Now()
	for try := 0; ; try++ {
		hook := n.current()
		if hook == nil {
			n.drop(m, dropDisabled, nil)
			return
		}
		err := hook.send(ctx, m)
		switch {
		case err == nil:
			n.sent()
			return
		case ctx.Err() != nil:
			n.drop(m, dropShutdown, err)
			return
		case err.permanent:
			n.drop(m, dropRefused, err)
			return
		}
		wait := max(backOff(try), min(err.retryAfter, longestWait))
		if time.Since(began)+wait > giveUpAfter {
			n.drop(m, dropGivenUp, err)
			return
		}
		n.failed(m, try, wait, err)
		if !n.pause(ctx, wait, hook) {
			n.drop(m, dropShutdown, err)
			return
		}
	}
}

// pause waits for d, less when the webhook is changed meanwhile, and reports whether ctx is
// still alive.
func (n *notifier) pause(ctx context.Context, d time.Duration, hook *webhook) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-n.wake:
			if n.current() != hook {
				return true
			}
		}
	}
}

// backOff is the wait after a failed try, spread by a fifth so that many senders do not
// come back together.
func backOff(try int) time.Duration {
	wait := min(firstWait<<min(try, 10), longestWait)
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

func (n *notifier) current() *webhook {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hook
}

func (n *notifier) sent() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.InFlight = false
	n.stats.Sent++
	n.stats.LastSent, n.stats.LastError = time.Now().UTC(), ""
}

// failed notes a try that will be followed by another.
func (n *notifier) failed(m notification, try int, wait time.Duration, err *sendError) {
	n.mu.Lock()
	n.stats.Retries++
	n.stats.LastError = err.Error()
	n.mu.Unlock()
	if try == 0 {
		n.logger.Warn("alert: notification not taken, will try again", "rule", m.rule, "wait_ms", wait.Milliseconds(), "err", err)
	}
}

// drop gives a notification up.
func (n *notifier) drop(m notification, reason string, err *sendError) {
	attrs := []any{"rule", m.rule, "reason", reason}
	n.mu.Lock()
	n.stats.InFlight = false
	n.stats.Dropped[reason]++
	if err != nil {
		n.stats.LastError = err.Error()
		attrs = append(attrs, "err", err)
	}
	n.mu.Unlock()
	n.logger.Error("alert: notification dropped", attrs...)
}
