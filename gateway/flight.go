package gateway

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flightShards = 64
	// unshareableSlots bounds the keys remembered as not shareable.
	unshareableSlots = 8192
	// followLimit is how long a request waits for another one's answer: a slow client must not
	// hold up the others.
	followLimit = 2 * time.Second
)

// flight is the one request of a key that may fill the cache.
type flight struct {
	key  string
	done chan struct{}

	mu         sync.Mutex // guards superseded, also against the store of the answer
	superseded bool
	// unshareable says, once done, that waiting for another one makes no sense.
	unshareable bool
}

// flights are the flights under way, and the keys for which nobody waits.
type flights struct {
	seed   maphash.Seed
	shards [flightShards]flightShard
	// unshareable holds hashes, each at its place; a newer key takes an older one's.
	unshareable [unshareableSlots]atomic.Uint64
}

type flightShard struct {
	mu      sync.Mutex // guards flights
	flights map[string]*flight
	_       [40]byte // shards do not share a cache line
}

func newFlights() *flights {
	fs := &flights{seed: maphash.MakeSeed()}
	for i := range fs.shards {
		fs.shards[i].flights = map[string]*flight{}
	}
	return fs
}

func (fs *flights) shard(key string) *flightShard {
	return &fs.shards[maphash.String(fs.seed, key)%flightShards]
}

// join returns the flight of a key, and whether it is the caller's to fly.
func (fs *flights) join(key string) (f *flight, leader bool) {
	s := fs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[key]; f != nil {
		return f, false
	}
	f = &flight{key: key, done: make(chan struct{})}
	s.flights[key] = f
	return f, true
}

// land ends a flight. It may be called again.
func (fs *flights) land(f *flight, unshareable bool) {
	s := fs.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
		f.unshareable = unshareable
		close(f.done)
	}
}

// supersede sees to it that what the flight of a key brings is not kept.
func (fs *flights) supersede(key string) {
	s := fs.shard(key)
	s.mu.Lock()
	f := s.flights[key]
	s.mu.Unlock()
	if f != nil {
		f.mu.Lock()
		f.superseded = true
		f.mu.Unlock()
	}
}

// wait waits for a flight to land and reports whether looking again may help.
func (f *flight) wait(ctx context.Context) bool {
	limit := time.NewTimer(followLimit)
	defer limit.Stop()
	select {
	case <-f.done:
		return !f.unshareable
	case <-limit.C:
	case <-ctx.Done():
	}
	return false
}

func (fs *flights) slot(key string) (at *atomic.Uint64, hash uint64) {
	hash = maphash.String(fs.seed, key)
	return &fs.unshareable[hash/flightShards%unshareableSlots], hash
}

// shareable reports whether the answers under a key may be, as far as is known.
func (fs *flights) shareable(key string) bool {
	at, hash := fs.slot(key)
	return at.Load() != hash
}

// note remembers whether the answers under a key are shareable.
func (fs *flights) note(key string, shareable bool) {
	at, hash := fs.slot(key)
	if !shareable {
		at.Store(hash)
		return
	}
	at.CompareAndSwap(hash, 0)
}
