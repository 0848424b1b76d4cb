package memory

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPoolReusesResetsAndRefuses(t *testing.T) {
	t.Parallel()
	made := 0
	p, err := NewPool(PoolOptions[*bytes.Buffer]{
		Max:   2,
		New:   func() *bytes.Buffer { made++; return new(bytes.Buffer) },
		Reset: func(b *bytes.Buffer) (*bytes.Buffer, bool) { b.Reset(); return b, b.Cap() <= 1024 },
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := p.Get(), p.Get(), p.Get()
	a.WriteString("secret")
	b.Grow(4096)
	p.Put(a)
	p.Put(b) // too large
	p.Put(c)
	p.Put(new(bytes.Buffer)) // no room
	if got := p.Get(); got != c {
		t.Error("Get must return the newest")
	}
	if got := p.Get(); got != a || got.Len() != 0 {
		t.Errorf("Get returned %p with %d bytes, want a reset %p", got, got.Len(), a)
	}
	want := PoolStats{HitRatio: 0.4, Max: 2, Hits: 2, Misses: 3, Dropped: 2}
	if diff := cmp.Diff(want, p.Stats()); diff != "" || made != 3 {
		t.Errorf("made %d\n%s", made, diff)
	}
}

func TestPoolOptionsAreChecked(t *testing.T) {
	t.Parallel()
	if _, err := NewPool(PoolOptions[int]{Max: 1}); err == nil {
		t.Error("a pool without New was made")
	}
	if _, err := NewPool(PoolOptions[int]{Max: -1, New: func() int { return 0 }}); err == nil {
		t.Error("a pool with a negative bound was made")
	}
}

func TestPoolTrimsWhatNobodyNeeded(t *testing.T) {
	t.Parallel()
	p, err := NewPool(PoolOptions[int]{Max: 10, New: func() int { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p.Put(1)
	}
	if n := p.Trim(); n != 0 { // there were none at some time since the last one
		t.Errorf("first Trim() = %d, want 0", n)
	}
	for range 3 {
		p.Get()
	}
	for range 3 {
		p.Put(1)
	}
	if n := p.Trim(); n != 7 {
		t.Errorf("Trim() = %d, want the 7 that stayed idle", n)
	}
	if p.SetMax(2); p.Stats().Size != 2 {
		t.Errorf("size %d after SetMax(2)", p.Stats().Size)
	}
	if n := p.Clear(); n != 2 || p.Stats().Size != 0 {
		t.Errorf("Clear() = %d, size %d", n, p.Stats().Size)
	}
}

// A pool must behave as a bounded stack and never hand out one object twice.
func TestPoolAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.IntRange(0, 5).Draw(t, "max")
		next := 0
		p, err := NewPool(PoolOptions[int]{Max: bound, New: func() int { next++; return next }})
		if err != nil {
			t.Fatal(err)
		}
		var model, held []int
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				got := p.Get()
				if n := len(model); n > 0 {
					if got != model[n-1] {
						t.Fatalf("Get() = %d, want %d", got, model[n-1])
					}
					model = model[:n-1]
				} else if got != next {
					t.Fatalf("Get() = %d, want a new one", got)
				}
				held = append(held, got)
			},
			"put": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing held")
				}
				v := held[0]
				held = held[1:]
				p.Put(v)
				if len(model) < bound {
					model = append(model, v)
				}
			},
			"": func(t *rapid.T) {
				if s := p.Stats(); s.Size != len(model) || s.Size > bound {
					t.Fatalf("size %d, want %d of at most %d", s.Size, len(model), bound)
				}
			},
		})
	})
}

func TestBuffers(t *testing.T) {
	t.Parallel()
	b := newMonitor(t, Config{PoolSizes: map[string]int{"large": 0, "small": 1}}).Pools()
	for name, size := range map[string]int{"small": 4 << 10, "medium": 64 << 10, "large": 1 << 20} {
		buf, err := b.Get(name)
		if err != nil || len(buf) != size {
			t.Errorf("Get(%s): %d bytes, %v; want %d", name, len(buf), err, size)
		}
		b.Put(buf[:7])
	}
	if _, err := b.Get("huge"); !errors.Is(err, ErrUnknownPool) ||
		err.Error() != `memory: unknown pool "huge": there are small, medium, large` {
		t.Errorf("Get(huge): %v", err)
	}
	b.Put(make([]byte, 5000))
	b.Put(nil)
	want := map[string]PoolStats{
		"small":  {Size: 1, Max: 1, Misses: 1, ObjectBytes: 4 << 10},
		"medium": {Size: 1, Max: 500, Misses: 1, ObjectBytes: 64 << 10},
		"large":  {Size: 0, Max: 0, Misses: 1, Dropped: 1, ObjectBytes: 1 << 20},
	}
	if diff := cmp.Diff(want, b.Stats()); diff != "" {
		t.Error(diff)
	}
	for n, size := range map[int]int{-1: 4 << 10, 0: 4 << 10, 4096: 4 << 10, 4097: 64 << 10, 2 << 20: 2 << 20} {
		if buf := b.GetSize(n); len(buf) != max(n, 0) || cap(buf) != size {
			t.Errorf("GetSize(%d): length %d, capacity %d; want %d", n, len(buf), cap(buf), size)
		}
	}
	b.Put(make([]byte, 64<<10))
	if freed := b.Clear(); freed != 64<<10 {
		t.Errorf("Clear() = %d, want one medium buffer", freed)
	}
}

func TestPoolConcurrently(t *testing.T) {
	t.Parallel()
	b := newMonitor(t, Config{}).Pools()
	var wg sync.WaitGroup
	for id := range 4 {
		wg.Go(func() {
			for range 500 {
				buf := b.GetSize(100)
				for i := range buf {
					buf[i] = byte(id)
				}
				for _, v := range buf {
					if v != byte(id) {
						t.Error("a buffer has two users")
						return
					}
				}
				b.Put(buf)
			}
		})
	}
	wg.Go(func() {
		for range 100 {
			b.Trim()
			b.Clear()
			b.Stats()
		}
	})
	wg.Wait()
}
