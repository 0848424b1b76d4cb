package cache

import (
	"math/bits"
	"sync/atomic"
)

const (
	// bucketSlots is how many entries a bucket has room for in one line of the processor's cache.
	bucketSlots = 6
	// leastBuckets is how many a table has at least, a power of two, and above one.
	leastBuckets = 8
	// fullAt is the number of entries a bucket, on average, at which a table doubles.
	fullAt = 4
	// sparseAt is the number of buckets an entry, on average, at which a table shrinks to a quarter.
	sparseAt = 4
	// moves is how many buckets each write moves while a table is being replaced.
	moves = 4
	// chunk is how many entries are collected at a time for who looks at all.
	chunk = 64
)

// table finds entries by key. Readers take no lock and write nothing; the store's mu guards the
// writers, one at a time.
//
// It is a row of buckets, each of one line, in which bytes of the hashes stand before the entries
// (as in CLHT: David, Guerraoui, Trigonakis: Asynchronized concurrency, ASPLOS 2015, and in the tables
// of xsync and abseil). The upper bits of the hash say which bucket, so that a table of another size
// has its entries in the same order, and who looks at all goes on where it was. A table that is replaced
// by one of another size is moved a few buckets a write.
type table struct {
	current atomic.Pointer[buckets]
	// held counts the entries.
	held int
}

// buckets are a table of one size.
type buckets struct {
	row []bucket
	// shift is by how much a hash is shifted right for the place in the row.
	shift uint8
	// old is the table before, in which entries are that were not moved yet; nil when all are.
	old atomic.Pointer[buckets]
	// moved are the buckets of old that were moved in their turn. Who writes owns it.
	moved int
}

// bucket has in the i-th byte of marks that of the i-th entry: seven bits of its hash and the highest,
// zero without an entry.
type bucket struct {
	marks   atomic.Uint64
	entries [bucketSlots]atomic.Pointer[entry]
	next    atomic.Pointer[bucket]
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
	allMarks = 1<<(8*bucketSlots) - 1
)

// markOf is the byte of a hash.
func markOf(hash uint64) uint64 { return hash&0x7f | 0x80 }

func newTable() *table {
	t := &table{}
	t.current.Store(newBuckets(leastBuckets))
	return t
}

// newBuckets makes n of them, a power of two.
func newBuckets(n int) *buckets {
	return &buckets{row: make([]bucket, n), shift: uint8(64 - bits.TrailingZeros(uint(n)))}
}

// find returns the entry of a key, or nil. It looks first where an entry may be moved from.
func (t *table) find(hash uint64, key string) *entry {
	for b := t.current.Load(); ; {
		if old := b.old.Load(); old != nil {
			if e := old.at(hash).find(hash, key); e != nil {
				return e
			}
		}
		if e := b.at(hash).find(hash, key); e != nil {
			return e
		}
		// It may have been moved in between, to a table that is newer.
		next := t.current.Load()
		if next == b {
			return nil
		}
		b = next
	}
}

// home is the bucket where the entry of a hash is, unless it was not moved there yet.
func (t *table) home(hash uint64) *bucket { return t.current.Load().at(hash) }

func (b *buckets) at(hash uint64) *bucket { return &b.row[b.place(hash)] }

func (b *buckets) place(hash uint64) int { return int(hash >> (b.shift & 63)) }

func (b *bucket) find(hash uint64, key string) *entry {
	for ; b != nil; b = b.next.Load() {
		for found := b.marked(hash); found != 0; found &= found - 1 {
			e := b.entries[bits.TrailingZeros64(found)/8].Load()
			if e != nil && e.is(key) {
				return e
			}
		}
	}
	return nil
}

// marked has the highest bit of each byte that is the mark of a hash and has an entry, and now and then
// that of the byte above it.
func (b *bucket) marked(hash uint64) uint64 {
	differ := b.marks.Load() ^ markOf(hash)*lowBits
	return (differ - lowBits) &^ differ & highBits & allMarks
}

// guess returns the first entry with the mark of a hash, in this bucket alone, or nil. Most times it is the
// one that is looked for; when it is not, find knows.
func (b *bucket) guess(hash uint64) *entry {
	if found := b.marked(hash); found != 0 {
		return b.entries[bits.TrailingZeros64(found)/8].Load()
	}
	return nil
}

// put stores e, in the place of the entry that its key has.
func (t *table) put(e *entry) {
	b := t.writable(e.hash)
	if b.at(e.hash).put(e) {
		t.held++
	}
	if t.held > fullAt*len(b.row) {
		t.replace(b, 2*len(b.row))
	}
}

// put reports whether e was added, and not in the place of another.
func (b *bucket) put(e *entry) bool {
	key := e.key()
	var free *bucket
	at := 0
	for last := b; ; last = last.next.Load() {
		for i := range last.entries {
			switch held := last.entries[i].Load(); {
			case held == nil && free == nil:
				free, at = last, i
			case held != nil && held.hash == e.hash && held.is(key):
				last.entries[i].Store(e)
				return false
			}
		}
		if last.next.Load() != nil {
			continue
		}
		if free == nil {
			free = new(bucket)
			free.set(0, e)
			last.next.Store(free)
			return true
		}
		free.set(at, e)
		return true
	}
}

// set fills the free place i with e, or frees it for nil.
func (b *bucket) set(i int, e *entry) {
	marks := b.marks.Load() &^ (0xff << (8 * i))
	if e != nil {
		marks |= markOf(e.hash) << (8 * i)
	}
	b.entries[i].Store(e)
	b.marks.Store(marks)
}

// remove takes e out, which is held.
func (t *table) remove(e *entry) {
	b := t.writable(e.hash)
	for in := b.at(e.hash); in != nil; in = in.next.Load() {
		for i := range in.entries {
			if in.entries[i].Load() == e {
				in.set(i, nil)
				t.held--
				t.shrink(b)
				return
			}
		}
	}
}

// shrink replaces a table that holds little for its size.
func (t *table) shrink(b *buckets) {
	switch {
	case len(b.row) == leastBuckets:
	case t.held == 0:
		t.current.Store(newBuckets(leastBuckets))
	case t.held*sparseAt < len(b.row):
		t.replace(b, max(len(b.row)/4, leastBuckets))
	}
}

// replace begins to move all to a table of n buckets, unless that is under way for another.
func (t *table) replace(b *buckets, n int) {
	if b.old.Load() != nil {
		return
	}
	next := newBuckets(n)
	next.old.Store(b)
	t.current.Store(next)
}

// writable is the table in which the key of a hash may be written, as it has been moved there.
func (t *table) writable(hash uint64) *buckets {
	b := t.current.Load()
	old := b.old.Load()
	if old == nil {
		return b
	}
	b.move(old.at(hash))
	for range moves {
		if b.moved == len(old.row) {
			b.old.Store(nil)
			break
		}
		b.move(&old.row[b.moved])
		b.moved++
	}
	return b
}

// move moves the entries of a bucket of the old table, each to where it is going to be before it is
// taken from where it was, so that who looks in this order finds it.
func (b *buckets) move(from *bucket) {
	for ; from != nil; from = from.next.Load() {
		for i := range from.entries {
			if e := from.entries[i].Load(); e != nil {
				b.at(e.hash).put(e)
				from.set(i, nil)
			}
		}
	}
}

// collect appends entries, of hashes from a first one on, and says where to go on; more is false when
// there are no others.
func (t *table) collect(to []*entry, from uint64) (all []*entry, next uint64, more bool) {
	b := t.current.Load()
	for len(to) < chunk {
		// The hashes up to end have their buckets, in both tables, for themselves.
		shift := b.shift
		if old := b.old.Load(); old != nil {
			shift = max(shift, old.shift)
		}
		end := from | (1<<shift - 1)
		if old := b.old.Load(); old != nil {
			for i := old.place(from); i <= old.place(end); i++ {
				b.move(&old.row[i])
			}
		}
		for i := b.place(from); i <= b.place(end); i++ {
			to = b.row[i].collect(to, from)
		}
		if end == 1<<64-1 {
			return to, 0, false
		}
		from = end + 1
	}
	return to, from, true
}

func (b *bucket) collect(to []*entry, from uint64) []*entry {
	for ; b != nil; b = b.next.Load() {
		for i := range b.entries {
			if e := b.entries[i].Load(); e != nil && e.hash >= from {
				to = append(to, e)
			}
		}
	}
	return to
}
