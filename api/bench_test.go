package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkRoutes answers every reading route, real parts behind it, without a socket.
func BenchmarkRoutes(b *testing.B) {
	k := newKit(b, realParts(b))
	for _, r := range contract() {
		method, route, path := r.parts()
		if method != http.MethodGet || r.want != http.StatusOK || strings.Contains(route, "/docs") {
			continue
		}
		b.Run(strings.TrimPrefix(path, base), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.ask(Admin, method, path, "")
			}
		})
	}
}

// BenchmarkUnderLoad asks every route over TCP while 200 requests a second pass the load
// balancer, and reports the slowest route's p50 and p99. The bar is 25 ms and 200 ms.
func BenchmarkUnderLoad(b *testing.B) {
	parts := realParts(b)
	k := newKit(b, parts).run()
	addr := k.listen("tcp", "127.0.0.1:0", k.Handler())
	stop := traffic(b, parts.Pool, 200)
	defer stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var worst50, worst99 time.Duration
	var slowest string
	for b.Loop() {
		for _, r := range contract() {
			method, route, path := r.parts()
			if route == base+"/session" && method == http.MethodPost {
				continue // a hundred wrong tokens would shut us out
			}
			took := make([]time.Duration, 0, 100)
			for range 100 {
				req, err := http.NewRequest(method, "http://"+addr.String()+path, strings.NewReader(r.body))
				must(b, err)
				req.Header.Set("Authorization", "Bearer "+k.secrets[Admin])
				if r.body != "" {
					req.Header.Set("Content-Type", "application/json")
				}
				start := time.Now()
				resp, err := client.Do(req)
				must(b, err)
				_, err = io.Copy(io.Discard, resp.Body)
				must(b, err)
				resp.Body.Close()
				took = append(took, time.Since(start))
				if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusInternalServerError {
					b.Fatalf("%s %s: %s", method, path, resp.Status)
				}
			}
			slices.Sort(took)
			if took[98] > worst99 {
				worst99, slowest = took[98], method+" "+path
			}
			worst50 = max(worst50, took[49])
		}
	}
	b.ReportMetric(float64(worst50)/1e6, "worst-p50-ms")
	b.ReportMetric(float64(worst99)/1e6, "worst-p99-ms")
	b.Log("slowest at p99:", slowest)
}

// traffic sends perSecond requests through the pool until stop is called.
func traffic(b *testing.B, pool http.RoundTripper, perSecond int) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			wg.Go(func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pool.example/x", nil)
				if err != nil {
					b.Error(err)
					return
				}
				if resp, err := pool.RoundTrip(req); err == nil { // cancelled at the end, all but that is the load
					resp.Body.Close()
				}
			})
		}
	})
	return func() { cancel(); wg.Wait() }
}

// BenchmarkChange is a changing call: its intent is on disk before it starts.
func BenchmarkChange(b *testing.B) {
	k := newKit(b, realParts(b))
	b.ReportAllocs()
	for b.Loop() {
		k.ask(Operator, http.MethodPut, base+"/profiler", `{"enabled":true}`)
	}
}

// BenchmarkPublish sends one event to 100 clients.
func BenchmarkPublish(b *testing.B) {
	h := newHub(100, nil)
	for range 100 {
		c, _ := h.subscribe("")
		go func() {
			for range c.frames { // draining is all there is to do
			}
		}()
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(EventMetrics, Point{})
	}
	h.Close()
}
