package cache

import (
	"context"
	"runtime"
	"strconv"
	"testing"
)

const benchKeys = 1 << 14

func keysOf(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "key-" + strconv.Itoa(i)
	}
	return keys
}

// benchCache is a full cache of a group that runs, as in a program.
func benchCache(b *testing.B) (*Cache[int], []string) {
	b.Helper()
	g := newGroup(b, Config{MaxEntries: 2 * benchKeys})
	c := named(b, g, "test", Options[int]{Cost: func(int) int64 { return 8 }})
	running(b, g)
	keys := keysOf(benchKeys)
	for i, key := range keys {
		set(b, c, key, i)
	}
	return c, keys
}

// running runs the group until the benchmark ends.
func running(b *testing.B, g *Group) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	for g.clock.ticked.Load() == 0 {
		runtime.Gosched()
	}
}

func BenchmarkHit(b *testing.B) {
	c, keys := benchCache(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Get(keys[i%benchKeys])
		i++
	}
}

func BenchmarkHitParallel(b *testing.B) {
	c, keys := benchCache(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c.Get(keys[i%benchKeys])
		}
	})
}

func BenchmarkGetOrLoadHit(b *testing.B) {
	c, keys := benchCache(b)
	ctx := context.Background()
	load := func(context.Context) (int, error) { return 0, nil }
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := c.GetOrLoad(ctx, keys[i%benchKeys], load); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkSetFull writes new keys into a full cache: every write evicts.
func BenchmarkSetFull(b *testing.B) {
	c := newCache(b, Config{MaxEntries: benchKeys}, Options[int]{Cost: func(int) int64 { return 8 }})
	keys := keysOf(1 << 20)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := c.Set(keys[i%len(keys)], i, EntryOptions{}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkSizeOf(b *testing.B) {
	type answer struct {
		Text   string
		Chunks []string
		Scores map[string]float64
	}
	a := answer{Text: "text", Chunks: keysOf(20), Scores: map[string]float64{"a": 1, "b": 2}}
	b.ReportAllocs()
	for b.Loop() {
		SizeOf(a)
	}
}

func BenchmarkArgumentKey(b *testing.B) {
	type args struct {
		Question string
		Top      int
		Filter   map[string]string
	}
	a := args{Question: string(make([]byte, 1000)), Top: 5, Filter: map[string]string{"lang": "en", "team": "x"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := argumentKey("answers:", &a); err != nil {
			b.Fatal(err)
		}
	}
}
