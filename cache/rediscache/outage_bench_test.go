package rediscache_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// BenchmarkOutage is how much later a caller has its value during a fault than from the loader
// alone, at the 99th percentile, from the moment the fault begins. The bar is 5 ms. Each caller
// loads a key that nobody has; a hit in memory asks nobody.
func BenchmarkOutage(b *testing.B) {
	faults := []struct {
		name  string
		fault redistest.Fault
		do    []string // or a command that has the server itself refuse
	}{
		{"none", redistest.Fault{}, nil},
		{"reset", redistest.Fault{Refuse: true}, nil},
		{"black hole", redistest.Fault{Silent: true}, nil},
		{"slow 200 ms", redistest.Fault{Delay: 200 * time.Millisecond}, nil},
		{"cut", redistest.Fault{Cut: true}, nil},
		{"garbage", redistest.Fault{Say: []byte("\x00\xff\r\n")}, nil},
		{"loading", redistest.Fault{Say: []byte("-LOADING Redis is loading the dataset in memory\r\n")}, nil},
		{"out of memory", redistest.Fault{}, []string{"CONFIG", "SET", "maxmemory", "1"}},
		{"read-only", redistest.Fault{}, []string{"REPLICAOF", "127.0.0.1", "1"}},
	}
	for _, f := range faults {
		b.Run(f.name, func(b *testing.B) {
			server := redistest.Start(b)
			proxy := redistest.StartProxy(b, server)
			_, answers := benchProcess(b, proxy.URL())
			alone, err := cache.New(cache.Config{})
			if err != nil {
				b.Fatal(err)
			}
			local, err := cache.Named(alone, "answers", cache.Options[answer]{})
			if err != nil {
				b.Fatal(err)
			}
			proxy.Set(f.fault)
			if f.do != nil {
				if _, err := server.Do(b.Context(), f.do...); err != nil {
					b.Fatal(err)
				}
			}
			var with, without []time.Duration
			i := 0
			for b.Loop() {
				key := strconv.Itoa(i)
				i++
				with = append(with, loadTime(b, answers, key))
				without = append(without, loadTime(b, local, key))
			}
			b.ReportMetric(float64((p99(with)-p99(without)).Microseconds())/1000, "added-p99-ms")
			b.ReportMetric(float64(slices.Max(with).Microseconds())/1000, "max-ms")
		})
	}
}

// loadTime is how long a caller waits whose loader takes two milliseconds.
func loadTime(b *testing.B, c *cache.Cache[answer], key string) time.Duration {
	b.Helper()
	began := time.Now()
	_, err := c.GetOrLoad(b.Context(), key, func(ctx context.Context) (answer, error) {
		timer := time.NewTimer(2 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return answer{Text: key}, ctx.Err()
	})
	if err != nil {
		b.Fatal(err) // no fault may reach a caller
	}
	return time.Since(began)
}

func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}
