package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// measureStart times the demo from its start until the dashboard's page answers and the
// current metrics show the traffic.
func measureStart(ctx context.Context, r *rig) error {
	s, err := r.newSetup(ctx, []string{"demo"})
	if err != nil {
		return err
	}
	begun := time.Now()
	p, err := r.launch(s)
	if err != nil {
		return err
	}
	took, err := p.live(ctx, begun)
	if err != nil {
		return err
	}
	note := "with its own Postgres"
	var db struct {
		Enabled bool `json:"enabled"`
	}
	if err := p.fetch(ctx, base+"/database/stats", &db); err != nil {
		return err
	}
	if !db.Enabled {
		note = "without a Postgres"
	}
	r.add(Row{
		Bar: "start: demo until live numbers", Figure: took.Seconds(), Unit: "s", Most: most(5), Note: note,
	})
	return nil
}

// live waits until the dashboard answers and requests flow, and returns how long after
// the beginning that was.
func (p *product) live(ctx context.Context, begun time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	page := false
	for {
		if !page {
			body, err := p.call(ctx, http.MethodGet, "/", nil)
			page = err == nil && strings.Contains(string(body), "<html")
		}
		var now struct {
			Timestamp         time.Time `json:"timestamp"`
			RequestsPerSecond float64   `json:"requests_per_second"`
		}
		if page && p.fetch(ctx, base+"/metrics/current", &now) == nil && now.RequestsPerSecond > 0 {
			return time.Since(begun), nil
		}
		if err := p.Pause(ctx, 10*time.Millisecond); err != nil {
			return 0, fmt.Errorf("wait for live numbers (the page answers: %t): %w", page, err)
		}
	}
}
