package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestQuestions(t *testing.T) {
	t.Parallel()
	k := known{now: time.Unix(7200, 0), function: "GET /a b", job: "j1", database: true}
	for _, tt := range []struct {
		name, method, route string
		path, why           string
		body                bool
	}{
		{"plain", "GET", base + "/status", base + "/status", "", false},
		{"function", "GET", base + "/profiler/functions/{name}", base + "/profiler/functions/GET%20%2Fa%20b", "", false},
		{"job", "GET", base + "/jobs/{id}", base + "/jobs/j1", "", false},
		{"label", "GET", "/api/v1/label/{name}/values", "/api/v1/label/__name__/values", "", false},
		{"query", "GET", "/api/v1/query", "/api/v1/query?query=up", "", false},
		{"form", "POST", "/api/v1/query", "/api/v1/query", "", true},
		{"harmless", "POST", base + "/memory/gc", base + "/memory/gc", "", false},
		{"analysis", "POST", base + "/database/analyze", base + "/database/analyze", "", true},
		{"changes", "POST", base + "/cache/clear", "", "changes something", false},
		{"removes", "DELETE", base + "/profiler/functions", "", "changes something", false},
		{"unknown parameter", "GET", base + "/things/{id}", "", "its parameter is not known", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, why := k.question(tt.method, tt.route)
			if why != tt.why || tt.why == "" && q.path != tt.path || (q.body != nil) != tt.body {
				t.Errorf("got %q, body %v, left out because %q; want %q, body %t, %q", q.path, q.body, why, tt.path, tt.body, tt.why)
			}
		})
	}
	if q, _ := k.question("GET", base+"/events"); !q.stream {
		t.Error("/events is asked to its end")
	}
	if _, why := (known{}).question("POST", base+"/database/analyze"); why != "no database" {
		t.Errorf("without a database: %q", why)
	}
}

func TestAskCountsByRoute(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	p := &product{api: s.Listener.Addr().String(), client: s.Client()}
	answers, _, err := p.ask(t.Context(), []question{
		{route: "good", method: http.MethodGet, path: "/good"}, {route: "bad", method: http.MethodGet, path: "/bad"},
	}, 4*time.Second/apiRate)
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d routes, %v", len(answers), err)
	}
	good := answers[0]
	bad := answers[1]
	if len(good.latencies) != 2 || good.failed != 0 || len(bad.latencies) != 0 || bad.failed != 2 {
		t.Errorf("good: %d and %d failed; bad: %d and %d failed", len(good.latencies), good.failed, len(bad.latencies), bad.failed)
	}
}
