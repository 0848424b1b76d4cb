package rediscache_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
)

// tap is a member's connection. It sees what is delivered, and breaks a rule where it is told to.
type tap struct {
	*rediscache.Tier
	broken rule
	// delay is how long a message takes beyond its way; that of the next one is up to twice as long.
	delay time.Duration

	feed  cache.Feed
	lives atomic.Int64
	mu    sync.Mutex // guards heard
	heard map[string]bool
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
	return p.Tier.Run(ctx, p)
}

func (p *tap) Live() {
	if p.lives.Add(1) == 1 || p.broken != reconnecting {
		p.feed.Live()
	}
}

func (p *tap) Lost(reason error) {
	if p.lives.Load() == 0 || p.broken != reconnecting {
		p.feed.Lost(reason)
	}
}

func (p *tap) Deliver(m []byte) {
	if p.delay > 0 {
		timer := time.NewTimer(time.Duration(rand.Int64N(2 * int64(p.delay))))
		<-timer.C
	}
	if p.broken != deafness || len(m) > 0 && m[0] == 'l' { // who waits for a load is told
		p.feed.Deliver(m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(m) > 0 && m[0] == 't' {
		p.heard[string(m[1:])] = true
	}
}

func (p *tap) has(tag string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[tag]
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
	return p.Tier.Apply(ctx, ops)
}
