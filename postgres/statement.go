package postgres

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxCachedText  = 8 << 10 // bytes of a raw text that is remembered
	textsPerEntry  = 4       // raw texts remembered for each statement
	evictionSample = 8       // statements looked at to find one to forget
)

// statement is one fingerprint and what was counted of it.
type statement struct {
	fingerprint string
	text        string
	gone        atomic.Bool // evicted: look it up again

	calls, errors, rows atomic.Uint64
	totalNanos          atomic.Int64
	maxNanos            atomic.Int64
	lastSeen            atomic.Int64 // nanoseconds since 1970
}

func (s *statement) record(now time.Time, took time.Duration, rows int64, failed bool) {
	s.calls.Add(1)
	s.totalNanos.Add(int64(took))
	if rows > 0 {
		s.rows.Add(uint64(rows))
	}
	if failed {
		s.errors.Add(1)
	}
	raise(&s.maxNanos, int64(took))
	s.lastSeen.Store(now.UnixNano())
}

// raise makes a at least v.
func raise(a *atomic.Int64, v int64) {
	for old := a.Load(); v > old; old = a.Load() {
		if a.CompareAndSwap(old, v) {
			return
		}
	}
}

func (s *statement) slowQuery() SlowQuery {
	q := SlowQuery{
		Query: s.text, Fingerprint: s.fingerprint, Calls: s.calls.Load(), Rows: s.rows.Load(),
		TotalSeconds: time.Duration(s.totalNanos.Load()).Seconds(),
		MaxSeconds:   time.Duration(s.maxNanos.Load()).Seconds(),
		LastSeen:     time.Unix(0, s.lastSeen.Load()).UTC(), Source: SourceClient,
	}
	if q.Calls > 0 {
		q.MeanSeconds = q.TotalSeconds / float64(q.Calls)
	}
	return q
}

// statementTable holds a bounded number of statements. Finding a known one takes no lock.
// When full, the one not seen for longest among a few picked by chance goes.
type statementTable struct {
	limit int
	texts atomic.Pointer[textCache]

	mu     sync.Mutex // guards the field below
	byHash map[uint64]*statement

	evicted atomic.Uint64
}

// textCache finds a statement by its raw text. It is thrown away when full: then each text
// is read once more.
type textCache struct {
	found sync.Map // string → *statement
	size  atomic.Int64
}

func newStatementTable(limit int) *statementTable {
	t := &statementTable{limit: limit, byHash: map[uint64]*statement{}}
	t.texts.Store(&textCache{})
	return t
}

// find returns the statement of a text. Texts with literals are not remembered: they seldom
// come again, and nobody wants their values kept.
func (t *statementTable) find(sql string) *statement {
	texts := t.texts.Load()
	if found, ok := texts.found.Load(sql); ok {
		if s := found.(*statement); !s.gone.Load() {
			return s
		}
	}
	hash, literals := fingerprint(sql)
	s := t.enter(hash, sql)
	if literals || len(sql) > maxCachedText {
		return s
	}
	if _, had := texts.found.Swap(sql, s); !had && texts.size.Add(1) > int64(textsPerEntry*t.limit) {
		t.texts.CompareAndSwap(texts, &textCache{})
	}
	return s
}

func (t *statementTable) enter(hash uint64, sql string) *statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.byHash[hash]; ok {
		return s
	}
	if len(t.byHash) >= t.limit {
		t.evict()
	}
	s := &statement{fingerprint: hashName(hash), text: Normalize(sql)}
	s.lastSeen.Store(time.Now().UnixNano())
	t.byHash[hash] = s
	return s
}

// evict forgets one statement; t.mu is held. A map is walked from a random place on.
func (t *statementTable) evict() {
	var oldest uint64
	at, looked := int64(math.MaxInt64), 0
	for hash, s := range t.byHash {
		if seen := s.lastSeen.Load(); seen < at {
			at, oldest = seen, hash
		}
		if looked++; looked == evictionSample {
			break
		}
	}
	if s, ok := t.byHash[oldest]; ok {
		s.gone.Store(true)
		delete(t.byHash, oldest)
		t.evicted.Add(1)
	}
}

// all returns the statements in no order.
func (t *statementTable) all() []*statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*statement, 0, len(t.byHash))
	for _, s := range t.byHash {
		list = append(list, s)
	}
	return list
}

func (t *statementTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byHash)
}
