package rediscache_test

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

func benchProcess(b *testing.B, url string) (*cache.Group, *cache.Cache[answer]) {
	b.Helper()
	remote, err := rediscache.New(rediscache.Config{URL: url}, nil)
	if err != nil {
		b.Fatal(err)
	}
	group, err := cache.NewShared(cache.Config{}, remote)
	if err != nil {
		b.Fatal(err)
	}
	answers, err := cache.Named(group, "answers", cache.Options[answer]{Codec: cache.JSON[answer]{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- group.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	if !poll(func() bool { return group.Stats().Redis.Connected }) {
		b.Fatal("not connected")
	}
	return group, answers
}

// BenchmarkInvalidation is the time from a deletion in one process to the miss in another.
func BenchmarkInvalidation(b *testing.B) {
	server := redistest.Start(b)
	_, one := benchProcess(b, server.URL())
	group, two := benchProcess(b, server.URL())
	var took []time.Duration
	for b.Loop() {
		if _, err := two.GetOrLoad(b.Context(), "k", func(context.Context) (answer, error) { return answer{}, nil }); err != nil {
			b.Fatal(err)
		}
		for group.Stats().Redis.Unsent > 0 {
			runtime.Gosched()
		}
		began := time.Now()
		one.Delete("k")
		for two.Exists("k") {
			runtime.Gosched()
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkPromotion is a lookup that finds its value in the second tier.
func BenchmarkPromotion(b *testing.B) {
	server := redistest.Start(b)
	group, one := benchProcess(b, server.URL())
	_, two := benchProcess(b, server.URL())
	const keys = 512
	for i := range keys {
		if err := one.Set(strconv.Itoa(i), answer{N: i}, cache.EntryOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	if !poll(func() bool { return group.Stats().Redis.Unsent == 0 }) {
		b.Fatal("not sent")
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, ok := two.Lookup(b.Context(), strconv.Itoa(i%keys)); !ok {
			b.Fatal("not found")
		}
		i++
	}
}
