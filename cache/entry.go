package cache

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// EntryOverheadBytes is what an entry is accounted with beyond its value, key and tags: the
	// entry, its place in the table and what is remembered of it after it left.
	EntryOverheadBytes = 352
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
	// Price is what the value cost to make, in a unit that is the same for the whole cache, such as
	// dollars. Zero means what [Options.Price] says.
	Price float64
	// LoadTime is how long it took to make a value that is given to [Cache.Set]. Zero means not
	// known. Loads measure their own.
	LoadTime time.Duration
}

func (o EntryOptions) validate() error {
	if least := min(o.TTL, o.StaleWhileRevalidate, o.StaleIfError); least < 0 {
		return &TTLError{least}
	}
	if !validPrice(o.Price) || o.LoadTime < 0 {
		return ErrBadPrice
	}
	return nil
}

// entry is a value with all that is known about it. Its key, value and life never change.
//
// It is laid out by lines of the processor's cache: what a hit needs is at the end, from accesses on,
// with the key behind it. On a 64-bit machine that is one line for a key of up to 16 bytes, and its
// neighbour for one of up to 80; the first two lines are not touched.
type entry struct {
	tagged *[]tagMark // nil without tags
	// again is when it may be loaded anew: busy while that is under way, some time after a failure.
	again atomic.Int64
	made
	life
	node
	value any
	// plain is until when a hit has nothing to look at but the key: soon, or zero for one with tags.
	plain int64
	last  atomic.Int64
	// keyLen is the length of the key, which is behind the entry; see newKeyed.
	keyLen uint32
}

// tags are those of the entry, with the generations that it is of.
func (e *entry) tags() []tagMark {
	if e.tagged == nil {
		return nil
	}
	return *e.tagged
}

// tag gives the entry its tags.
func (e *entry) tag(marks []tagMark) {
	if len(marks) > 0 {
		e.tagged = &marks
	}
}

// live gives the entry its life, after its tags.
func (e *entry) live(l life) {
	e.life, e.plain = l, l.soon
	if e.tagged != nil {
		e.plain = 0
	}
}

// made says what a value cost to make; zero: not known.
type made struct {
	took time.Duration
	// price is in the unit of the cache.
	price float64
}

// touch records an access and returns how many there were.
func (e *entry) touch(now int64) uint64 {
	if e.last.Load() != now {
		e.last.Store(now)
	}
	return e.accesses.Add(1)
}

// gone says why the entry must not be returned any more.
func (e *entry) gone(now int64) (cause, bool) {
	if now >= e.expires {
		return causeExpired, true
	}
	return causeInvalidated, stale(e.tags())
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

// newEntry makes an entry of a value that is not yet in the store. It calls the functions for its
// cost and price.
func (s *store) newEntry(key string, value any, tags []string, m made) (*entry, error) {
	if len(key) > MaxKeyBytes {
		return nil, ErrKeyTooLong
	}
	cost := s.cost(value)
	if cost < 0 {
		return nil, ErrNegativeCost
	}
	if m.price == 0 && s.price != nil {
		m.price = s.price(value)
	}
	if !validPrice(m.price) {
		return nil, ErrBadPrice
	}
	e := newKeyed(key)
	e.value, e.made = value, m
	e.entry, e.hash, e.bytes = e, s.hash(key), account(key, cost, tags)
	return e, nil
}

func validPrice(p float64) bool { return p >= 0 && p <= math.MaxFloat32 }

func (e *entry) info(c *clock) EntryInfo {
	info := EntryInfo{
		Key: e.key(), Created: c.wall(e.created), Expires: c.wall(e.fresh), KeptUntil: c.wall(e.expires),
		Accesses: e.accesses.Load(), Bytes: e.bytes, LoadSeconds: e.took.Seconds(), Price: e.price,
	}
	if at := e.last.Load(); at != 0 {
		info.LastAccess = c.wall(at)
	}
	for _, m := range e.tags() {
		info.Tags = append(info.Tags, m.tag.name)
	}
	return info
}
