package cache

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

var errDown = errors.New("the second tier is down")

// sharedMemory is a second tier in memory, for several groups; each has a memoryRemote.
type sharedMemory struct {
	mu          sync.Mutex // guards the fields below
	made        int
	values      map[string]sharedValue
	leases      map[string]sharedLease
	generations map[string]string
	remotes     []*memoryRemote
}

type sharedValue struct {
	version string
	value   []byte // nil: a mark
}

// sharedLease is a lease, and whether others asked for it.
type sharedLease struct {
	name   string
	until  time.Time
	wanted bool
}

func newSharedMemory() *sharedMemory {
	return &sharedMemory{
		values: map[string]sharedValue{}, leases: map[string]sharedLease{}, generations: map[string]string{},
	}
}

func (m *sharedMemory) token() string {
	m.made++
	return "token" + strconv.Itoa(m.made)
}

// memoryRemote is one group's connection.
type memoryRemote struct {
	*sharedMemory
	feed Feed
	// down fails everything; deaf has leases lapse; held, until closed, holds up Apply.
	down    bool
	deaf    bool
	held    chan struct{}
	lookups int
	// unanswered is how many lookups to come fail.
	unanswered int
	// during is called once, by the next lookup, after it has read.
	during  func()
	applied []RemoteOp
	running chan struct{}
}

func (m *sharedMemory) connect() *memoryRemote {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &memoryRemote{sharedMemory: m, running: make(chan struct{})}
	m.remotes = append(m.remotes, r)
	return r
}

func (r *memoryRemote) Lookup(_ context.Context, key string, names []string) (RemoteView, error) {
	r.mu.Lock()
	defer func() {
		during := r.during
		r.during = nil
		r.mu.Unlock()
		if during != nil {
			during()
		}
	}()
	r.lookups++
	if r.unanswered > 0 {
		r.unanswered--
		return RemoteView{}, errDown
	}
	if r.down {
		return RemoteView{}, errDown
	}
	v := RemoteView{Version: r.values[key].version, Value: slices.Clone(r.values[key].value)}
	for _, name := range names {
		if r.generations[name] == "" {
			r.generations[name] = r.token()
		}
		v.Generations = append(v.Generations, r.generations[name])
	}
	return v, nil
}

func (r *memoryRemote) Apply(_ context.Context, ops []RemoteOp) []error {
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	if held != nil {
		<-held
	}
	errs := make([]error, len(ops))
	var messages [][]byte
	r.mu.Lock()
	for i, op := range ops {
		var wanted bool
		if wanted, errs[i] = r.apply(op); errs[i] == nil && op.Message != nil {
			messages = append(messages, op.Message)
		}
		if wanted {
			messages = append(messages, op.Awaited)
		}
	}
	others := slices.Clone(r.remotes)
	r.mu.Unlock()
	for _, m := range messages {
		for _, other := range others {
			if feed := other.listening(); other != r && feed != nil {
				feed.Deliver(m)
			}
		}
	}
	return errs
}

func (r *memoryRemote) listening() Feed {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return nil
	}
	return r.feed
}

// apply does one operation and says whether others wait for a lease that it ended.
func (r *memoryRemote) apply(op RemoteOp) (wanted bool, err error) {
	if r.down {
		return false, errDown
	}
	r.applied = append(r.applied, op)
	switch op.Kind {
	case RemoteStore:
		if op.Lease != "" {
			held, ok := r.endLease(op.Key, op.Lease)
			if !ok {
				return false, ErrSuperseded
			}
			wanted = held.wanted
		}
		if r.values[op.Key].version != op.Since {
			return wanted, ErrSuperseded
		}
		r.values[op.Key] = sharedValue{op.Version, op.Value}
	case RemoteReplace:
		delete(r.leases, op.Key)
		r.values[op.Key] = sharedValue{op.Version, op.Value}
	case RemoteForget:
		delete(r.leases, op.Key)
		r.values[op.Key] = sharedValue{version: r.token()}
	case RemoteDiscard:
		if r.values[op.Key].version == op.Since {
			delete(r.values, op.Key)
		}
	case RemoteRenew:
		for _, name := range op.Names {
			delete(r.generations, name)
		}
	case RemoteAmend:
		if r.generations[op.Names[0]] != op.Since {
			return false, ErrSuperseded
		}
		r.generations[op.Names[0]] = string(op.Value)
	case RemoteRelease:
		held, _ := r.endLease(op.Key, op.Lease)
		wanted = held.wanted
	}
	return wanted, nil
}

// endLease ends a lease, if it is still held.
func (r *memoryRemote) endLease(key, name string) (sharedLease, bool) {
	held := r.leases[key]
	if held.name != name || !time.Now().Before(held.until) {
		return sharedLease{}, false
	}
	delete(r.leases, key)
	return held, true
}

func (r *memoryRemote) Lease(_ context.Context, ask RemoteLease) (RemoteHolder, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return RemoteHolder{}, errDown
	}
	if r.values[ask.Key].version != ask.Since {
		return RemoteHolder{}, nil
	}
	held, now := r.leases[ask.Key], time.Now()
	if held.name != "" && now.Before(held.until) && held.name != ask.Over {
		held.wanted = true
		r.leases[ask.Key] = held
		return RemoteHolder{held.name, held.until.Sub(now)}, nil
	}
	r.leases[ask.Key] = sharedLease{ask.Lease, now.Add(ask.TTL), held.wanted && now.Before(held.until)}
	return RemoteHolder{ask.Lease, ask.TTL}, nil
}

func (r *memoryRemote) Renew(_ context.Context, leases []RemoteLease, ttl time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errDown
	}
	for _, l := range leases {
		if r.deaf {
			break
		}
		if held := r.leases[l.Key]; held.name == l.Lease && time.Now().Before(held.until) {
			held.until = time.Now().Add(ttl)
			r.leases[l.Key] = held
		}
	}
	return nil
}

func (r *memoryRemote) Run(ctx context.Context, feed Feed) error {
	r.mu.Lock()
	r.feed = feed
	down := r.down
	r.mu.Unlock()
	if !down {
		feed.Live()
	}
	close(r.running)
	<-ctx.Done()
	return nil
}

func (r *memoryRemote) Stats() RedisStats { return RedisStats{Connected: true} }

// setDown breaks the connection, or mends it.
func (r *memoryRemote) setDown(down bool) {
	r.mu.Lock()
	r.down = down
	feed := r.feed
	r.mu.Unlock()
	if down {
		feed.Lost(errDown)
	} else {
		feed.Live()
	}
}
