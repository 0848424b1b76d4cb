package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// settleWithin is how long what the last request left may take to go.
const settleWithin = 2 * time.Minute

// balance is what the product says of itself.
type balance struct {
	requests, attempts, active float64
	servers                    [3]float64 // attempts at a, b, c
	goroutines, heapMB         float64
}

// balance asks the product, after a garbage collection.
func (p *product) balance(ctx context.Context) (b balance, err error) {
	var stats struct {
		Stats struct {
			Requests float64 `json:"total_requests"`
			Active   float64 `json:"active_connections"`
		} `json:"stats"`
		Distribution map[string]float64 `json:"server_distribution"`
	}
	if err := p.fetch(ctx, base+"/load-balancer/stats", &stats); err != nil {
		return b, err
	}
	b.requests, b.active = stats.Stats.Requests, stats.Stats.Active
	for id, n := range stats.Distribution {
		b.attempts += n
		if i := int(id[0]) - 'a'; i >= 0 && i < len(b.servers) {
			b.servers[i] = n
		}
	}
	if _, err := p.call(ctx, http.MethodPost, base+"/memory/gc", nil); err != nil {
		return b, err
	}
	text, err := p.call(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return b, err
	}
	b.goroutines, err = sampleOf(text, "go_goroutines")
	heap, err2 := sampleOf(text, "go_memstats_heap_alloc_bytes")
	b.heapMB = heap / (1 << 20)
	return b, errors.Join(err, err2)
}

// busiest is the server that had most attempts since an earlier balance.
func (b balance) busiest(since balance) int {
	most := 0
	for i := range b.servers {
		if b.servers[i]-since.servers[i] > b.servers[most]-since.servers[most] {
			most = i
		}
	}
	return most
}

// sampleOf is the value of a metric without labels.
func sampleOf(exposition []byte, name string) (float64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(exposition)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// settle waits until no more is left than before, or too long, and returns what is left then. Connections
// that are kept for the next request are closed after 90 s.
func (p *product) settle(ctx context.Context, before balance) (balance, error) {
	for end := time.Now().Add(settleWithin); ; {
		b, err := p.balance(ctx)
		if err != nil || b.active == 0 && b.goroutines <= before.goroutines+chaosGoroutines || time.Now().After(end) {
			return b, err
		}
		if err := p.Pause(ctx, time.Second); err != nil {
			return b, err
		}
	}
}
