package memory_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sentientcore/upshift/memory"
)

// Caches register to shrink first; Check says what it did and why.
func ExampleMonitor_Check() {
	m, err := memory.New(memory.Config{GCThreshold: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	cache := map[string][]byte{}
	m.OnPressure(func(float64) { clear(cache) })
	result, err := m.Check(context.Background())
	fmt.Println(result.Action, result.GC == nil, err)
	// Output: none true <nil>
}

// A forced collection tells what it freed.
func ExampleMonitor_GC() {
	m, err := memory.New(memory.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	result := m.GC(context.Background())
	fmt.Println(result.Ran, result.HeapAfterBytes > 0)
	// Output: true true
}

// Byte buffers come from the pool that fits and go back to it by their capacity.
func ExampleBuffers() {
	m, err := memory.New(memory.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	buf := m.Pools().GetSize(10_000)
	defer m.Pools().Put(buf)
	fmt.Println(len(buf), cap(buf), m.Stats().Pools["medium"].Misses)
	// Output: 10000 65536 1
}

// A typed pool resets what comes back and refuses what grew too large.
func ExampleNewPool() {
	pool, err := memory.NewPool(memory.PoolOptions[*bytes.Buffer]{
		Max: 64,
		New: func() *bytes.Buffer { return new(bytes.Buffer) },
		Reset: func(b *bytes.Buffer) (*bytes.Buffer, bool) {
			b.Reset()
			return b, b.Cap() <= 1<<20
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := pool.Get()
	b.WriteString("prompt")
	pool.Put(b)
	fmt.Println(pool.Get().Len(), pool.Stats().HitRatio)
	// Output: 0 0.5
}

// A guarded function is refused while memory is short.
func ExampleGuard() {
	m, err := memory.New(memory.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	embed := func(_ context.Context, text string) (int, error) { return len(text), nil }
	guarded, err := memory.Guard(m, memory.GuardOptions{Name: "embed", MaxRatio: 1}, embed)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(guarded(context.Background(), "a page of text"))
	// Output: 14 <nil>
}

// A tracker follows objects without keeping them alive.
func ExampleTracker() {
	type session struct{ user string }
	sessions := memory.NewTracker[session](memory.TrackerOptions{Name: "sessions"})
	open := &session{user: "ada"}
	sessions.Track(open)
	for s := range sessions.Oldest() {
		fmt.Println(s.user, sessions.Stats().Alive)
	}
	fmt.Println(open.user)
	// Output:
	// ada 1
	// ada
}
