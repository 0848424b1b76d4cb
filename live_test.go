package upshift_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/api"
)

// A dashboard has its figures and hears of findings, with metrics or without.
func TestFindingsAreEvents(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, "http://127.0.0.1:1")
	cfg.LoadBalancer.HealthCheckPath = "/health"
	cfg.LoadBalancer.HealthCheckInterval = time.Second
	cfg.Metrics.Enabled = false
	cfg.Metrics.CollectionInterval = time.Second
	m := start(t, cfg, upshift.Collaborators{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.APIAddr()+"/api/performance/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	missing := map[string]bool{"event: " + api.EventMetrics: true, "event: " + api.EventRecommendation: true}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for len(missing) > 0 && lines.Scan() {
		delete(missing, lines.Text())
	}
	if len(missing) > 0 {
		t.Errorf("never heard %v: %v", missing, lines.Err())
	}
}

// The heartbeat stores what the gateway counted, and dashboards hear of it.
func TestALiveFrameCarriesTheTraffic(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t, backend(t, "ok")), upshift.Collaborators{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+m.APIAddr()+"/api/performance/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var f api.Frame
	for event, sent := "", false; lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || event != api.EventMetrics { // a busy machine raises alerts too
			continue
		}
		if !sent {
			sent = true
			for range 20 {
				if status, body := get(t, "http://"+m.GatewayAddr()+"/"); status != http.StatusOK {
					t.Fatalf("gateway answered %d: %s", status, body)
				}
			}
			continue
		}
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			t.Fatal(err)
		}
		if f.Current.RequestsPerSecond > 0 && f.LoadBalancer.Stats.TotalRequests == 20 && f.Status.Status != "" {
			return
		}
	}
	t.Errorf("no frame shows the requests (%v), last: %+v, %+v", lines.Err(), f.Current, f.LoadBalancer.Stats)
}
