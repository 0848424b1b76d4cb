package rediscache

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

const (
	// beatEvery is the time between two messages to oneself.
	beatEvery = 500 * time.Millisecond
	// infoEvery is the number of messages between two looks at the server's figures.
	infoEvery = 10
	// publishTries is how many servers of a cluster are asked to pass such a message on.
	publishTries = 4
)

var (
	errSilent     = errors.New("the server does not answer")
	errFeedClosed = errors.New("the subscription ended")
)

// feedState is what the goroutine that listens tells the one that watches.
type feedState struct {
	// epoch counts the subscriptions that ended.
	epoch      atomic.Uint64
	dropped    chan error
	subscribed chan struct{}
	echo       chan string
	deliver    atomic.Pointer[cache.Feed]
}

func (f *feedState) init() {
	f.dropped, f.subscribed = make(chan error, 1), make(chan struct{}, 1)
	f.echo = make(chan string, 1)
}

// tell puts v in a channel of one place, in the place of what is there.
func tell[T any](ch chan T, v T) {
	for {
		select {
		case ch <- v:
			return
		default:
		}
		select {
		case <-ch:
		default:
		}
	}
}

// follow listens until ctx ends.
func (t *Tier) follow(ctx context.Context, client rueidis.Client) {
	hooked := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "subscribe" && s.Channel == t.selfChannel() {
			tell(t.feed.subscribed, struct{}{})
		}
	})
	for wait := connectEvery; ; wait = min(2*wait, connectSlowest) {
		began := time.Now()
		subscribe := client.B().Subscribe().Channel(t.feedChannel(), t.selfChannel()).Build()
		err := client.Receive(hooked, subscribe, t.receive)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errFeedClosed
		}
		t.feed.epoch.Add(1)
		tell(t.feed.dropped, err)
		if time.Since(began) > connectSlowest {
			wait = connectEvery
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// receive takes one message.
func (t *Tier) receive(m rueidis.PubSubMessage) {
	if m.Channel == t.selfChannel() {
		tell(t.feed.echo, m.Message)
		return
	}
	if len(m.Message) < len(t.self) || m.Message[:len(t.self)] == t.self {
		return // our own
	}
	if feed := t.feed.deliver.Load(); feed != nil {
		(*feed).Deliver([]byte(m.Message[len(t.self):]))
	}
}

// watcher decides whether the feed lives.
type watcher struct {
	*Tier
	data rueidis.Client
	to   cache.Feed

	live      bool
	lived     bool     // once
	server    identity // of the feed that lived last
	epoch     uint64   // of the feed that lives
	sent      uint64
	heard     time.Time
	failure   error // of the last message to oneself
	untilInfo int
}

// watch sends messages to oneself until ctx ends. All changes of the feed are told from here.
func (t *Tier) watch(ctx context.Context, data rueidis.Client, feed cache.Feed) {
	t.feed.deliver.Store(&feed)
	w := &watcher{Tier: t, data: data, to: feed, heard: time.Now()}
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-t.feed.dropped:
			if w.epoch != t.feed.epoch.Load() {
				w.lost(err)
			}
		case echo := <-t.feed.echo:
			w.hear(ctx, echo)
		case <-t.feed.subscribed:
			w.beat(ctx)
		case <-ticker.C:
			if time.Since(w.heard) > w.cfg.FeedTimeout {
				w.lost(cmp.Or(w.failure, errSilent))
			}
			w.beat(ctx)
		}
	}
}

// beat sends a message to oneself. It is also the probe of the server that ends a failure.
func (w *watcher) beat(ctx context.Context) {
	w.sent++
	text := strconv.FormatUint(w.Tier.feed.epoch.Load(), 10) + " " + strconv.FormatUint(w.sent, 10)
	bounded, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	began := time.Now()
	publish := func() error {
		return w.data.Do(bounded, w.data.B().Publish().Channel(w.selfChannel()).Message(text).Build()).Error()
	}
	err := publish()
	// In a cluster the client has any server pass it on; one that is away says nothing of the feed.
	for tries := 1; broken(err) && !w.ordered && tries < publishTries; tries++ {
		err = publish()
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		w.failure = err
		w.fail(err)
		return
	}
	w.failure = nil
	if time.Since(began) <= w.cfg.LookupTimeout { // else callers would wait in vain again
		w.Tier.recover()
	}
	if w.untilInfo--; w.untilInfo < 0 {
		w.untilInfo = infoEvery
		w.readInfo(bounded, w.data)
	}
}

// hear takes a message that came back. One sent before the subscription last ended says nothing.
func (w *watcher) hear(ctx context.Context, echo string) {
	epoch := w.Tier.feed.epoch.Load()
	if first, _, _ := strings.Cut(echo, " "); first != strconv.FormatUint(epoch, 10) {
		return
	}
	w.heard = time.Now()
	if w.live && w.epoch == epoch {
		return
	}
	if w.live {
		w.lost(errFeedClosed)
	}
	if !w.succession(ctx) {
		return // the next message asks again
	}
	w.live, w.lived, w.epoch = true, true, epoch
	w.connected()
	w.to.Live()
}

func (w *watcher) lost(err error) {
	w.setDown(err)
	if w.live {
		w.live = false
		w.changed()
		w.logger.Warn("feed of the second cache tier lost", "err", err)
	}
	w.to.Lost(err)
}
