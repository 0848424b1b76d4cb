package cache

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// SuspectTTL is how long a value of a shared cache may be served while messages of other
	// processes may be missing: entries are not kept longer, and those from before are dropped then.
	SuspectTTL = 30 * time.Second

	settleEvery  = 250 * time.Millisecond
	flushTimeout = time.Second
)

// The names of generations.
const groupGeneration = "g"

func nameGeneration(name string) string { return "n:" + name }
func tagGeneration(tag string) string   { return "t:" + tag }

// tier is a group's side of its second tier. Changes go through a queue, so that no caller waits
// for them; what is in the queue is not asked of the second tier meanwhile, so that a process
// sees its own writes.
type tier struct {
	remote Remote
	group  *Group
	work   chan struct{}
	counts tierCounters
	packer packer
	leases *leases
	// patient counts those who wait longer than usual.
	patient atomic.Int64

	// readable says that the second tier may be asked: the feed lives, memory was cleared since it
	// came back, and nothing is owed. It follows from the fields below.
	readable atomic.Bool

	mu    sync.Mutex // guards the fields below; it may be taken with a store's mu held
	live  bool       // the feed
	ready bool       // memory was cleared since the feed came back
	since time.Time  // of live
	lost  int64      // when the feed was lost, on the group's clock; zero when it lives or was dealt with
	why   error      // why it does not live
	queue []queued
	bytes int64
	// unsent counts the operations of a key that are queued or under way, wide those of more than
	// a key.
	unsent map[string]int
	wide   int
	// sent is closed when a batch has been counted out; nil when nobody waits for that.
	sent chan struct{}
	// owed are generations that must be dropped before anything is read: invalidations that did
	// not reach the second tier. Those in settling are being dropped.
	owed, settling map[string]struct{}
	acked          acked
}

type tierCounters struct {
	hits, misses, malformed, errors atomic.Uint64
	stored, refused, dropped        atomic.Uint64
	sent, received, feeds           atomic.Uint64
	led, followed                   atomic.Uint64
}

func newTier(g *Group, remote Remote) *tier {
	_, alone := remote.(onDisk) // nobody sends messages that could be missing
	return &tier{
		remote: remote, group: g, work: make(chan struct{}, 1), leases: newLeases(), since: time.Now(), why: errors.New("not connected yet"),
		unsent: map[string]int{}, owed: map[string]struct{}{}, lost: g.clock.now(), live: alone,
	}
}

// stats are what both sides know.
func (t *tier) stats() RedisStats {
	s := t.remote.Stats()
	c := &t.counts
	s.Enabled = true
	s.Hits, s.Misses, s.Errors, s.Malformed = c.hits.Load(), c.misses.Load(), c.errors.Load(), c.malformed.Load()
	s.Stored, s.Refused, s.Dropped = c.stored.Load(), c.refused.Load(), c.dropped.Load()
	s.Sent, s.Received, s.Feeds = c.sent.Load(), c.received.Load(), c.feeds.Load()
	s.LoadsLed, s.LoadsFollowed = c.led.Load(), c.followed.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Queued, s.Owed = len(t.queue), len(t.owed)+len(t.settling)
	s.Unsent = t.wide + len(t.unsent)
	switch {
	case !t.live:
		s.Connected, s.Since, s.LastError = false, t.since, cmp.Or(s.LastError, t.why.Error())
	case !t.ready: // memory is being emptied: nothing is asked yet
		s.Connected, s.Since = false, t.since
	case s.Connected && t.since.After(s.Since):
		s.Since = t.since
	}
	return s
}

// Remote reports whether all is well with the second tier: it is connected, heard and refuses
// nothing, or there is none. Since is when that last changed, lastError why it is not.
func (g *Group) Remote() (ok bool, since time.Time, lastError string) {
	if g.tier == nil {
		return true, time.Time{}, ""
	}
	s := g.tier.stats()
	return s.Connected && s.LastError == "", s.Since, s.LastError
}

// isLive reports whether the feed lives.
func (t *tier) isLive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live
}

// askable reports whether the second tier may be asked for a key.
func (t *tier) askable(key string) bool {
	if !t.readable.Load() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wide == 0 && t.unsent[key] == 0
}

// awaitSent waits a moment until nothing of a key is unsent, so that a load right after an
// invalidation can take part in what the processes share.
func (t *tier) awaitSent(ctx context.Context, key string) {
	var late <-chan time.Time
	for t.readable.Load() {
		t.mu.Lock()
		if t.wide == 0 && t.unsent[key] == 0 {
			t.mu.Unlock()
			return
		}
		if t.sent == nil {
			t.sent = make(chan struct{})
		}
		sent := t.sent
		t.mu.Unlock()
		if late == nil {
			timer := time.NewTimer(sendPatience)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-sent:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}

// landed tells those who wait for another process to load a key.
func (t *tier) landed(id string, how landing) {
	if t != nil {
		t.leases.landed(id, how)
	}
}

// update works out readable, with mu held.
func (t *tier) update() {
	t.readable.Store(t.live && t.ready && len(t.owed) == 0 && len(t.settling) == 0)
}

// Live implements [Feed]: what memory holds may have been invalidated unheard, so it goes.
func (t *tier) Live() {
	t.mu.Lock()
	t.live, t.ready, t.since, t.why, t.lost = true, false, time.Now(), nil, 0
	t.update()
	t.mu.Unlock()
	t.counts.feeds.Add(1)
	for _, s := range t.group.all() {
		s.trust()
	}
	t.mu.Lock()
	t.ready = t.live
	t.update()
	t.mu.Unlock()
	t.wake()
}

// Lost implements [Feed].
func (t *tier) Lost(reason error) {
	if reason == nil {
		reason = ErrRemoteUnavailable
	}
	t.mu.Lock()
	t.why = reason
	if !t.live {
		t.mu.Unlock()
		return
	}
	t.live, t.ready, t.since, t.lost = false, false, time.Now(), t.group.clock.now()
	for _, q := range t.queue {
		t.count(q, -1)
		t.owe(q)
	}
	t.queue, t.bytes = nil, 0
	t.acked.lost = t.lost
	t.update()
	t.mu.Unlock()
	t.leases.lost()
	for _, s := range t.group.all() {
		s.doubt()
	}
	t.wake()
}

// Deliver implements [Feed].
func (t *tier) Deliver(m []byte) {
	defer t.counts.received.Add(1) // who sees the count sees what the message did
	t.heard(m)
	if err := t.group.hear(m); err != nil {
		t.counts.malformed.Add(1)
	}
}

// run serves the queue until ctx ends, and then what is left of it.
func (t *tier) run(ctx context.Context) {
	connected, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() {
		if err := t.remote.Run(connected, t); err != nil {
			t.Lost(err)
		}
	})
	running.Go(func() { t.keepLeases(connected) })
	for {
		wait := t.round(connected, ctx.Done()) // what is under way is not cut off by the end
		timer := time.NewTimer(wait)
		select {
		case <-t.work:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			flush, cancel := context.WithTimeout(connected, flushTimeout)
			t.round(flush, flush.Done())
			cancel()
			hangUp()
			running.Wait()
			t.Lost(context.Cause(ctx))
			return
		}
		timer.Stop()
	}
}

// round does what is to be done now, or until enough closes, and says when to look again at the
// latest.
func (t *tier) round(ctx context.Context, enough <-chan struct{}) time.Duration {
	t.settle(ctx)
	for !closed(enough) && t.send(ctx) {
		t.settle(ctx)
	}
	t.mu.Lock()
	lost, owes := t.lost, t.live && len(t.owed) > 0
	t.mu.Unlock()
	wait := time.Hour
	if lost != 0 {
		if wait = time.Duration(lost + int64(SuspectTTL) - t.group.clock.now()); wait <= 0 {
			t.distrust(lost)
			wait = time.Hour
		}
	}
	if owes {
		wait = min(wait, settleEvery)
	}
	return wait
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// distrust drops what memory has held since before the feed was lost.
func (t *tier) distrust(lost int64) {
	for _, s := range t.group.all() {
		s.dropBefore(lost)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == lost {
		t.lost = 0
	}
}

// settle drops the generations that are owed.
func (t *tier) settle(ctx context.Context) {
	t.mu.Lock()
	if !t.live || len(t.owed) == 0 {
		t.mu.Unlock()
		return
	}
	t.settling, t.owed = t.owed, map[string]struct{}{}
	t.mu.Unlock()
	ops := make([]RemoteOp, 0, len(t.settling))
	for name := range t.settling { // written by this goroutine alone
		ops = append(ops, RemoteOp{Kind: RemoteRenew, Names: []string{name}, Message: renewal(name)})
	}
	errs := t.remote.Apply(ctx, ops)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settling = nil
	for i, err := range errs {
		if err != nil {
			t.counts.errors.Add(1)
			t.owe(queued{op: ops[i]})
			continue
		}
		t.counts.sent.Add(1)
		t.acked.note(ops[i].Names, t.group.clock.now())
	}
	t.update()
}
