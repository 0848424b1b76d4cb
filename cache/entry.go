package cache

import (
	"strings"
	"sync/atomic"
	"time"
)

const (
	// EntryOverheadBytes is what an entry is accounted with beyond its value, key and tags: the
	// entry, its place in the table and what is remembered of it after it left.
	EntryOverheadBytes = 256
	// TagOverheadBytes is what each tag of an entry is accounted with beyond its name.
	TagOverheadBytes = 160
)

// EntryOptions are what one entry has different from its cache. The zero value means nothing.
type EntryOptions struct {
	// TTL is how long the entry is fresh. Zero means as long as its cache says.
	TTL time.Duration
	// StaleWhileRevalidate and StaleIfError are those of [Limits]. Zero means as the cache says.
	StaleWhileRevalidate time.Duration
	StaleIfError         time.Duration
	// Tags are names under which [Group.ClearTag] invalidates the entry.
	Tags []string
	// Since is a mark taken before the value was fetched: the entry is stored only when nothing
	// was invalidated since. Zero means not to ask. [Cache.GetOrLoad] needs none.
	Since Mark
}

func (o EntryOptions) validate() error {
	if least := min(o.TTL, o.StaleWhileRevalidate, o.StaleIfError); least < 0 {
		return &TTLError{least}
	}
	return nil
}

// entry is a value with all that is known about it. Its key, value and life never change.
type entry struct {
	key   string
	hash  uint64 // of key, by the store's curve
	value any
	bytes int64
	life
	tags []tagMark
	// again is when it may be loaded anew: busy while that is under way, some time after a failure.
	again atomic.Int64

	accesses atomic.Uint64
	last     atomic.Int64
	// heat is what the order goes by: accesses since it last looked, up to maxHeat.
	heat atomic.Uint32

	// The store's mu guards these.
	queue      queueID
	prev, next *entry
}

// touch records an access.
func (e *entry) touch(now int64) {
	e.accesses.Add(1)
	if e.last.Load() != now {
		e.last.Store(now)
	}
	if h := e.heat.Load(); h < maxHeat {
		e.heat.Store(h + 1) // two at once may count as one
	}
}

// gone says why the entry must not be returned any more.
func (e *entry) gone(now int64) (cause, bool) {
	if now >= e.expires {
		return causeExpired, true
	}
	return causeInvalidated, stale(e.tags)
}

// account is what an entry is accounted with; it does not overflow.
func account(key string, cost int64, tags []string) int64 {
	own := int64(EntryOverheadBytes + len(key))
	for _, t := range tags {
		own += int64(TagOverheadBytes + len(t))
	}
	if sum := own + cost; sum >= 0 {
		return sum
	}
	return 1<<63 - 1
}

// newEntry makes an entry of a value that is not yet in the store. It calls the cost function.
func (s *store) newEntry(key string, value any, tags []string) (*entry, error) {
	if len(key) > MaxKeyBytes {
		return nil, ErrKeyTooLong
	}
	cost := s.cost(value)
	if cost < 0 {
		return nil, ErrNegativeCost
	}
	// The key may be a piece of something long that must not stay in memory with it.
	return &entry{key: strings.Clone(key), hash: s.curve.hash(key), value: value, bytes: account(key, cost, tags)}, nil
}

func (e *entry) info(c *clock) EntryInfo {
	info := EntryInfo{
		Key: e.key, Created: c.wall(e.created), Expires: c.wall(e.fresh), KeptUntil: c.wall(e.expires),
		Accesses: e.accesses.Load(), Bytes: e.bytes,
	}
	if at := e.last.Load(); at != 0 {
		info.LastAccess = c.wall(at)
	}
	for _, m := range e.tags {
		info.Tags = append(info.Tags, m.tag.name)
	}
	return info
}
