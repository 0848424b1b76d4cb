package cache

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// keyedEntry is an entry of a key as a store makes it.
func keyedEntry(key string, hash uint64) *entry {
	e := newKeyed(key)
	e.hash = hash
	return e
}

// A hit is to touch one line of the processor's cache, and two for a longer key.
func TestEntryIsLaidOutByLines(t *testing.T) {
	t.Parallel()
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("said of 64-bit machines")
	}
	var e entry
	if at := unsafe.Offsetof(e.accesses); at != 128 {
		t.Errorf("what a hit needs begins at %d", at)
	}
	if size := unsafe.Sizeof(e); size != 176 {
		t.Errorf("an entry takes %d", size)
	}
	if size := unsafe.Sizeof(bucket{}); size != 64 {
		t.Errorf("a bucket takes %d", size)
	}
	for _, n := range []int{0, 1, 16, 17, 80, 81, 144, 145, 208, 209, 272, 273, maxNearKey, maxNearKey + 1, MaxKeyBytes} {
		key := strings.Repeat("k", n)
		e := newKeyed(key)
		if at := uintptr(unsafe.Pointer(e)) % 64; at != 0 {
			t.Errorf("with a key of %d bytes it begins at byte %d of a line", n, at)
		}
		if e.key() != key || !e.is(key) || e.is(key+"k") || n > 0 && (e.is(key[1:]) || e.is("x"+key[1:])) {
			t.Errorf("a key of %d bytes is %q", n, e.key())
		}
	}
}

// tableModel plays steps on a table and on a map, and has all looked at now and then. Few keys with
// few hashes have buckets overflow and keys be told apart by their text.
type tableModel struct {
	testing.TB
	table *table
	want  map[string]*entry
	hash  func(key string) uint64
}

func newTableModel(tb testing.TB, hash func(string) uint64) *tableModel {
	tb.Helper()
	return &tableModel{tb, newTable(), map[string]*entry{}, hash}
}

func (m *tableModel) put(key string) {
	e := keyedEntry(key, m.hash(key))
	m.table.put(e)
	m.want[key] = e
}

func (m *tableModel) remove(key string) {
	if e := m.want[key]; e != nil {
		m.table.remove(e)
		delete(m.want, key)
	}
}

func (m *tableModel) find(key string) {
	m.Helper()
	if got := m.table.find(m.hash(key), key); got != m.want[key] {
		m.Fatalf("find %s: %p, want %p", key, got, m.want[key])
	}
}

// walk looks at all with something done in between.
func (m *tableModel) walk(between func()) {
	m.Helper()
	seen := map[*entry]bool{}
	before := map[*entry]bool{}
	for _, e := range m.want {
		before[e] = true
	}
	var all []*entry
	for from, more := uint64(0), true; more; {
		if all, from, more = m.table.collect(all[:0], from); len(all) > chunk+fullAt*fullAt*bucketSlots {
			m.Fatalf("%d entries at once", len(all))
		}
		for _, e := range all {
			if seen[e] {
				m.Fatalf("%s came twice", e.key())
			}
			seen[e] = true
		}
		between()
	}
	for key, e := range m.want {
		if before[e] && !seen[e] {
			m.Fatalf("%s, which was there all the time, did not come", key)
		}
	}
}

func (m *tableModel) check() {
	m.Helper()
	if m.table.held != len(m.want) {
		m.Fatalf("%d held, want %d", m.table.held, len(m.want))
	}
	for key := range m.want {
		m.find(key)
	}
	row := len(m.table.current.Load().row)
	if row > leastBuckets && m.table.held == 0 {
		m.Errorf("%d buckets for nothing", row)
	}
}

func TestTableAgreesWithAMap(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]func(string) uint64{
		"good":      xxhash.Sum64String,
		"few":       func(key string) uint64 { return xxhash.Sum64String(key) % 40 << 58 },
		"few marks": func(key string) uint64 { return xxhash.Sum64String(key) &^ 0x7e },
		"one":       func(string) uint64 { return 1<<64 - 1 },
		"none":      func(string) uint64 { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, steps := 5000, 60_000
			if underRace {
				steps /= 10
			}
			if name == "one" || name == "none" {
				keys, steps = 100, 5000
			}
			m := newTableModel(t, hash)
			r := rand.New(rand.NewPCG(7, 7))
			step := func(share float64) {
				key := strconv.Itoa(r.IntN(keys))
				switch x := r.Float64(); {
				case x < share:
					m.put(key)
				case x < 0.8:
					m.remove(key)
				default:
					m.find(key)
				}
			}
			for range 3 {
				for _, share := range []float64{0.7, 0.4, 0.05} { // it grows, stays and shrinks
					for range steps / 9 {
						step(share)
					}
					m.check()
					m.walk(func() {
						for range 20 {
							step(share)
						}
					})
					m.check()
				}
			}
			for key := range m.want {
				m.remove(key)
			}
			m.check()
		})
	}
}

// A row shrinks with what it holds, and one for little is small.
func TestTableShrinks(t *testing.T) {
	t.Parallel()
	m := newTableModel(t, xxhash.Sum64String)
	const most = 20_000
	for i := range most {
		m.put(strconv.Itoa(i))
	}
	if row := len(m.table.current.Load().row); row < most/fullAt || row > 2*most/fullAt*2 {
		t.Errorf("%d buckets for %d entries", row, most)
	}
	for i := range most - 100 {
		m.remove(strconv.Itoa(i))
	}
	m.check()
	for range 1000 { // what is being moved goes on with writes
		m.put("0")
		m.remove("0")
	}
	if row := len(m.table.current.Load().row); row > 100*sparseAt*2 || m.table.current.Load().old.Load() != nil {
		t.Errorf("%d buckets for 100 entries", row)
	}
}

// While it is written, grows and shrinks, readers find each key that stays, and never the entry of
// another.
func TestTableIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	tb := newTable()
	const stay = 300
	for i := range stay {
		key := "stay" + strconv.Itoa(i)
		tb.put(keyedEntry(key, xxhash.Sum64String(key)))
	}
	rounds := 60
	if underRace {
		rounds = 4
	}
	var done sync.WaitGroup
	stop := make(chan struct{})
	for worker := range 2 {
		done.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := "stay" + strconv.Itoa(i%stay)
				if e := tb.find(xxhash.Sum64String(key), key); e == nil || e.key() != key {
					t.Errorf("%s is not found", key)
					return
				}
				key = strconv.Itoa(i % 3000)
				if e := tb.find(xxhash.Sum64String(key), key); e != nil && e.key() != key {
					t.Errorf("%s is found for %s", e.key(), key)
					return
				}
			}
		})
	}
	for range rounds {
		written := make([]*entry, 3000)
		for i := range written {
			key := strconv.Itoa(i)
			written[i] = keyedEntry(key, xxhash.Sum64String(key))
			tb.put(written[i])
			stays := "stay" + strconv.Itoa(i%stay) // a new value of a key that stays
			tb.put(keyedEntry(stays, xxhash.Sum64String(stays)))
		}
		for _, e := range written {
			tb.remove(e)
		}
	}
	close(stop)
	done.Wait()
	if tb.held != stay {
		t.Errorf("%d held", tb.held)
	}
}

// FuzzTable plays a byte a step: its upper bits say what, its lower bits with which key.
func FuzzTable(f *testing.F) {
	f.Add([]byte("put and remove and look at some keys"), uint64(0))
	f.Add([]byte{0x00, 0x01, 0x02, 0x83, 0xc0, 0x40, 0x41, 0x42}, ^uint64(0))
	f.Fuzz(func(t *testing.T, steps []byte, mask uint64) {
		if len(steps) > 5000 {
			return
		}
		m := newTableModel(t, func(key string) uint64 { return xxhash.Sum64String(key) & mask })
		for at, step := range steps {
			key := strconv.Itoa(int(step&0x3f) * (1 + at%40))
			switch step >> 6 {
			case 0, 1:
				m.put(key)
			case 2:
				m.remove(key)
			default:
				m.find(key)
			}
		}
		m.check()
		m.walk(func() {})
	})
}
