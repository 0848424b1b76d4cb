package gateway

import (
	"context"
	"hash/maphash"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flightShards = 64
	// unshareableSlots bounds the keys remembered as not shareable.
	unshareableSlots = 8192
	// followLimit is how long a request waits for the headers of another one's answer, which may
	// turn out not to be shareable.
	followLimit = 10 * time.Second
)

// flight is the one request of a key that is under way and may fill the cache. Those who want
// its answer ride along: they get it as it comes. The client that asked first is one of them,
// and when the last one has left, the request to the server ends.
type flight struct {
	key string
	// ctx is that of the request to the server; it ends when nobody rides any more.
	ctx    context.Context //nolint:containedctx // the flight is a request
	cancel context.CancelFunc
	// opened is closed when the fields below are known, landed when nothing more comes of it.
	opened, landed chan struct{}
	// answer is what came, without its body while that still comes: then it is in body. Nil
	// means that there is nothing to share; err is then why, of a question that all ask alike.
	answer *answer
	body   *broadcast
	length int64 // of body; below zero: not said
	err    error
	// unshareable says that waiting for another one makes no sense.
	unshareable bool

	joined     atomic.Int64 // those who ride on body beside the one who flies
	mu         sync.Mutex   // guards the fields below, and superseded also against the store of the answer
	riders     int
	superseded bool
}

// board makes the caller a rider, unless the flight has ended for want of them. Who boards leaves
// once.
func (f *flight) board() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.riders == 0 {
		return false
	}
	f.riders++
	return true
}

// leave ends a ride, and with the last one the flight.
func (f *flight) leave() {
	f.mu.Lock()
	f.riders--
	last := f.riders == 0
	f.mu.Unlock()
	if last {
		f.cancel()
	}
}

// alight is leave for those who read the body. The last one waits until it is not read from the
// server any more, so that nothing goes on after the last request has ended.
func (f *flight) alight() {
	f.leave()
	if f.ctx.Err() != nil {
		<-f.landed
	}
}

// ride answers req with what an open flight brings. The ride ends with the response's body.
func (f *flight) ride(req *http.Request, now time.Time) *http.Response {
	if f.body == nil {
		f.leave()
		return f.answer.response(req, now)
	}
	f.joined.Add(1)
	return f.answer.live(req, now, f.body.listen(req.Context(), f.alight), f.length)
}

// open says what came. Whoever waits goes on.
func (f *flight) open(a *answer, body *broadcast) {
	f.answer, f.body = a, body
	close(f.opened)
}

func (f *flight) isOpen() bool {
	select {
	case <-f.opened:
		return true
	default:
		return false
	}
}

// wait waits until the flight is open and reports whether it is, before ctx ends.
func (f *flight) wait(ctx context.Context) bool { return await(ctx, f.opened) }

// waitAWhile is wait for those who do not know whether the answer will be for them.
func (f *flight) waitAWhile(ctx context.Context) bool {
	limit := time.NewTimer(followLimit)
	defer limit.Stop()
	select {
	case <-f.opened:
		return true
	case <-limit.C:
	case <-ctx.Done():
	}
	return false
}

func await(ctx context.Context, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-ctx.Done():
		return false
	}
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

// join boards the flight of a key, or begins one, which is the caller's to fly. Its context has
// the values of ctx, not its end.
func (fs *flights) join(ctx context.Context, key string) (f *flight, leader bool) {
	s := fs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[key]; f != nil && f.board() {
		return f, false
	}
	f = &flight{key: key, opened: make(chan struct{}), landed: make(chan struct{}), riders: 1}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.flights[key] = f
	return f, true
}

// close lets nobody board a flight any more.
func (fs *flights) close(f *flight) {
	s := fs.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
}

// land ends a flight; only its leader does, once. What did not open it has nothing to share.
func (fs *flights) land(f *flight, unshareable bool) {
	fs.close(f)
	if !f.isOpen() {
		f.unshareable = unshareable
		f.open(nil, nil)
	}
	close(f.landed)
}

// supersede sees to it that what the flight of a key brings is not kept, and that nobody joins it
// any more.
func (fs *flights) supersede(key string) {
	s := fs.shard(key)
	s.mu.Lock()
	f := s.flights[key]
	delete(s.flights, key)
	s.mu.Unlock()
	if f != nil {
		f.mu.Lock()
		f.superseded = true
		f.mu.Unlock()
	}
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
