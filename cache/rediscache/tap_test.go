package rediscache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
)

// barriers begins the tags that only tell that what was sent before them has come.
const barriers = "barrier "

// tap is the connection of a process. It sees what is delivered, and breaks a rule where it is told to.
type tap struct {
	*rediscache.Tier
	broken rule
	// delay is how long a message takes beyond its way, on average.
	delay time.Duration
	under chan delayed

	feed  cache.Feed
	lives atomic.Int64
	// troubles counts what may keep an operation from being done in its turn.
	troubles atomic.Int64

	mu sync.Mutex // guards the fields below
	// live is the subscription that the feed lives by.
	live uint64
	ears map[string]chan struct{}
}

// delayed is a message under way.
type delayed struct {
	message []byte
	due     time.Time
}

// noSubscription is no epoch of a feed.
const noSubscription = ^uint64(0)

func newTap(tier *rediscache.Tier, broken rule, delay time.Duration) *tap {
	return &tap{
		Tier: tier, broken: broken, delay: delay, under: make(chan delayed, 1<<10), live: noSubscription,
		ears: map[string]chan struct{}{},
	}
}

// rule is one that the protocol cannot do without.
type rule string

const (
	deafness     rule = "messages are delivered"
	fencing      rule = "a store goes by its version and lease"
	forgetting   rule = "a deleted key goes in the second tier"
	renewing     rule = "a cleared generation is dropped"
	amending     rule = "a cleared pattern is remembered"
	reconnecting rule = "memory is dropped when the feed comes back"
)

var brokenRules = []rule{deafness, fencing, forgetting, renewing, amending, reconnecting}

func (p *tap) Run(ctx context.Context, feed cache.Feed) error {
	p.feed = feed
	var passing sync.WaitGroup
	passing.Go(p.pass)
	defer passing.Wait()
	defer close(p.under)
	return p.Tier.Run(ctx, p)
}

// pass hands over what is under way, in its order.
func (p *tap) pass() {
	for m := range p.under {
		if wait := time.Until(m.due); wait > 0 {
			<-time.NewTimer(wait).C
		}
		p.deliver(m.message)
	}
}

func (p *tap) Live() {
	if p.lives.Add(1) == 1 || p.broken != reconnecting {
		p.feed.Live()
	}
	p.setLive(p.Epoch())
}

func (p *tap) Lost(reason error) {
	p.troubles.Add(1)
	p.setLive(noSubscription)
	if p.lives.Load() == 0 || p.broken != reconnecting {
		p.feed.Lost(reason)
	}
}

func (p *tap) setLive(epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = epoch
}

// sound reports whether the feed lives by the subscription that messages come from.
func (p *tap) sound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live == p.Epoch()
}

func (p *tap) Deliver(m []byte) {
	due := time.Now()
	if p.delay > 0 {
		due = due.Add(time.Duration(rand.Int64N(2 * int64(p.delay))))
	}
	p.under <- delayed{m, due}
}

func (p *tap) deliver(m []byte) {
	if p.broken != deafness || len(m) > 0 && m[0] == 'l' { // who waits for a load is told
		p.feed.Deliver(m)
	}
	if tag, ok := strings.CutPrefix(string(m), "t"+barriers); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		if ear := p.ears[barriers+tag]; ear != nil {
			close(ear)
			delete(p.ears, barriers+tag)
		}
	}
}

// hears returns what is closed when a barrier has come, until it is forgotten.
func (p *tap) hears(barrier string) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ear := make(chan struct{})
	p.ears[barrier] = ear
	return ear
}

func (p *tap) forget(barrier string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ears, barrier)
}

func (p *tap) Apply(ctx context.Context, ops []cache.RemoteOp) []error {
	for i := range ops {
		op := &ops[i]
		switch {
		case p.broken == fencing && op.Kind == cache.RemoteStore:
			op.Kind, op.Message = cache.RemoteReplace, op.Awaited
		case p.broken == forgetting && op.Kind == cache.RemoteForget,
			p.broken == renewing && op.Kind == cache.RemoteRenew,
			p.broken == amending && op.Kind == cache.RemoteAmend:
			op.Kind, op.Names = cache.RemoteRenew, []string{"nothing"}
		}
	}
	errs := p.Tier.Apply(ctx, ops)
	for i, err := range errs {
		if err != nil && !(errors.Is(err, cache.ErrSuperseded) && ops[i].Kind == cache.RemoteStore) {
			p.troubles.Add(1)
		}
	}
	return errs
}
