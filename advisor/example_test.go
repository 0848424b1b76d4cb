package advisor_test

import (
	"fmt"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
)

// A score names every point that it takes off.
func ExampleScore() {
	health := advisor.Score(advisor.Snapshot{
		Cache:    &cache.Stats{Requests: 5000, HitRatio: 0.6},
		Balancer: &balancer.Stats{TotalServers: 4, HealthyServers: 3, Recent: balancer.Outcomes{Succeeded: 896, Failed: 4, SuccessPercent: 99.5}},
	})
	fmt.Println(health.Score, health.Grade)
	for _, c := range health.Causes {
		fmt.Printf("-%.2f %s: %s\n", c.Lost, c.Component, c.Reason)
	}
	// Output:
	// 80.7 good
	// -13.64 cache: hit rate 60.0 % of 5000 requests, wanted 80 %
	// -3.41 load_balancer: 1 of 4 servers not healthy
	// -2.27 load_balancer: success rate 99.50 % of 900 requests in the last five minutes
}

// A finding says what is wrong, on what evidence, and what to do.
func ExampleFindings() {
	found := advisor.Findings(advisor.Snapshot{Cache: &cache.Stats{Caches: map[string]cache.NamedStats{
		"responses": {Requests: 1000, Hits: 200, Misses: 800, HitRatio: 0.2, Entries: 50},
	}}})
	for _, f := range found {
		fmt.Println(f.Priority, f.ID)
		fmt.Println(f.Description)
		fmt.Println(f.Evidence[0])
		fmt.Println(f.Action)
	}
	// Output:
	// high cache-low-hit-rate-responses
	// Only 20.0 % of look-ups in "responses" are answered from memory.
	// 200 hits, 800 misses
	// Check that its keys hold nothing that changes with every request; then raise its TTL or size.
}
