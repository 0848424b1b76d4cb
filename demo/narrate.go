package demo

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// tellEvery is how often a line about the traffic is printed.
const tellEvery = 10 * time.Second

// explain prints where the dashboard is and what to look at.
func (d *Demo) explain() {
	out := d.cfg.Output
	fmt.Fprintf(out, "upshift demo: %d replicas of a RAG service, about %g requests a second\n\n",
		len(replicas), d.cfg.Rate)
	if link := d.manager.LoginURL(); link != "" {
		fmt.Fprintf(out, "  dashboard  %s\n", link)
	} else {
		fmt.Fprintf(out, "  dashboard  http://%s\n", d.manager.APIAddr())
	}
	fmt.Fprintf(out, "  gateway    http://%s\n", d.manager.GatewayAddr())
	fmt.Fprintf(out, "  command    upshift status --data-dir %s\n\n", d.manager.Config().DataDir)
	for _, address := range d.taken {
		fmt.Fprintf(out, "%s is in use by another program: a free port is used instead.\n", address)
	}
	if d.missing != nil {
		reason := strings.TrimPrefix(d.missing.Error(), "pgtest: ")
		fmt.Fprintf(out, "No Postgres: %s. The corpus stays in memory, and the database part is off.\n", reason)
	}
	fmt.Fprint(out, "What to look at:\n",
		"  0:45  rag-slow becomes five times slower: the balancer turns to rag-fast\n",
		"  1:15  rag-slow answers 500 and fails its checks: it is taken out, and comes back after 1:35\n",
		"        (again every three minutes)\n",
		"  any   popular questions are answered by the cache\n")
	if d.database != nil {
		fmt.Fprint(out,
			"  any   chunks has no index on document_id: the retriever scans the whole table\n",
			"  0:15  the curator locks rows while it waits for the model: updates take over a second\n")
	}
	fmt.Fprint(out, "\nCtrl-C ends it and removes everything.\n")
}

// tell prints a line about the traffic until ctx ends.
func (d *Demo) tell(ctx context.Context) {
	for began := time.Now(); pause(ctx, tellEvery) == nil; {
		fmt.Fprintln(d.cfg.Output, d.line(time.Since(began)))
	}
}

// line is the state of the demo in one line.
func (d *Demo) line(elapsed time.Duration) string {
	s := d.manager.Status()
	parts := []string{fmt.Sprintf("%02d:%02d", int(elapsed.Minutes()), int(elapsed.Seconds())%60)}
	if b := s.Balancer; b != nil {
		parts = append(parts, fmt.Sprintf("%.0f requests/s upstream, %.1f %% fine, %d of %d servers healthy",
			b.RequestsPerSecond, b.SuccessPercent, b.HealthyServers, b.TotalServers))
	}
	if c := s.Cache; c != nil {
		parts = append(parts, fmt.Sprintf("cache %.0f %% hits", 100*c.HitRatio))
	}
	parts = append(parts, fmt.Sprintf("health %.0f (%s)", s.Health.Score, s.Health.Grade))
	if n := d.users.counts.turnedAway.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d users turned away so far: too many at once", n))
	}
	return strings.Join(parts, " · ")
}
