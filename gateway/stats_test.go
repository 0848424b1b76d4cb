package gateway_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sentientcore/upshift/gateway"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, req *http.Request) {
		var status int
		if _, err := fmt.Sscanf(req.URL.Path, "/%d", &status); err != nil {
			status = http.StatusBadRequest
		}
		buf := make([]byte, 100)
		_, _ = req.Body.Read(buf)
		w.WriteHeader(status)
		fmt.Fprint(w, "12345")
	}).URL)
	for _, status := range []int{200, 201, 302, 404, 429, 500} {
		r.send(r.request("POST", fmt.Sprintf("/%d", status), strings.NewReader("123")))
	}
	s := r.gw.Stats()
	if s.Requests != 6 || s.ByClass["2xx"] != 2 || s.ByClass["3xx"] != 1 || s.ByClass["4xx"] != 2 || s.ByClass["5xx"] != 1 {
		t.Errorf("requests %d, classes %v", s.Requests, s.ByClass)
	}
	if s.BytesIn != 18 || s.BytesOut != 30 {
		t.Errorf("bytes in %d, out %d; want 18 and 30", s.BytesIn, s.BytesOut)
	}
	if s.MeanSeconds <= 0 || s.MeanFirstByteSeconds <= 0 || s.MeanFirstByteSeconds > s.MeanSeconds ||
		s.MeanOverheadSeconds <= 0 || s.MeanOverheadSeconds > s.MeanSeconds {
		t.Errorf("mean %v, first byte %v, overhead %v", s.MeanSeconds, s.MeanFirstByteSeconds, s.MeanOverheadSeconds)
	}
	if s.Cache["method"] != 6 {
		t.Errorf("cache %v", s.Cache)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, says("ok")).URL)
	for range 3 {
		r.get("/")
	}
	r.send(r.request(http.MethodTrace, "/", http.NoBody))
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(r.gw); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP upshift_gateway_requests_total Requests by status class; an answer that broke off is 5xx.
# TYPE upshift_gateway_requests_total counter
upshift_gateway_requests_total{code="1xx"} 0
upshift_gateway_requests_total{code="2xx"} 3
upshift_gateway_requests_total{code="3xx"} 0
upshift_gateway_requests_total{code="4xx"} 1
upshift_gateway_requests_total{code="5xx"} 0
# HELP upshift_gateway_request_bytes_total Bytes of request bodies.
# TYPE upshift_gateway_request_bytes_total counter
upshift_gateway_request_bytes_total 0
# HELP upshift_gateway_response_bytes_total Bytes of answers' bodies.
# TYPE upshift_gateway_response_bytes_total counter
`
	want += fmt.Sprintf("upshift_gateway_response_bytes_total %d\n", r.gw.Stats().BytesOut)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "upshift_gateway_requests_total",
		"upshift_gateway_request_bytes_total", "upshift_gateway_response_bytes_total"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		if f.GetName() != "upshift_gateway_request_duration_seconds" {
			continue
		}
		found = true
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 4 || h.GetSampleSum() <= 0 || math.IsNaN(h.GetSampleSum()) {
			t.Errorf("durations: count %d, sum %v", h.GetSampleCount(), h.GetSampleSum())
		}
	}
	if !found {
		t.Error("no durations")
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "bad") {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}).URL)
	for path, times := range map[string]int{
		"/v1/chat/completions": 2, "/v1/chat/bad": 1, "/": 1, "/users/123": 2, "/users/456?x=1": 1, "/health/": 1,
		"/docs/0b6f7c2e-4f0e-4a55-9a7e-1f1f5be2e7ab": 1,
	} {
		for range times {
			r.get(path)
		}
	}
	r.send(r.request("BREW", "/pot", http.NoBody))
	got := map[string]uint64{}
	for _, f := range r.prof.Functions() {
		got[f.Name] = f.Calls
	}
	want := map[string]uint64{
		"GET /v1/chat": 3, "GET /": 1, "GET /users/*": 3, "GET /health": 1, "GET /docs/*": 1, "OTHER /pot": 1,
	}
	for name, calls := range want {
		if got[name] != calls {
			t.Errorf("%s: %d calls, want %d", name, got[name], calls)
		}
	}
	if len(got) != len(want) {
		t.Errorf("functions %v", got)
	}
	if f, _ := r.prof.Function("GET /v1/chat"); f.Errors != 1 {
		t.Errorf("%d errors, want 1", f.Errors)
	}
}

func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, says("")).URL)
	letters := "abcdefghijklmnopqrstuvwxyz"
	for i := range gateway.MaxRoutes + 50 {
		r.get("/" + string(letters[i%26]) + "/" + string(letters[i/26]))
	}
	names := []string{}
	for _, f := range r.prof.Functions() {
		names = append(names, f.Name)
	}
	if len(names) != gateway.MaxRoutes+1 || !slices.Contains(names, "GET (other)") {
		t.Errorf("%d functions, want %d and the rest as one", len(names), gateway.MaxRoutes)
	}
	if f, _ := r.prof.Function("GET (other)"); f.Calls != 50 {
		t.Errorf("%d calls of others, want 50", f.Calls)
	}
}

func TestProfilerThatIsOffLearnsNoRoutes(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, says("")).URL)
	r.prof.SetEnabled(false)
	r.get("/a")
	r.prof.SetEnabled(true)
	r.get("/b")
	if fs := r.prof.Functions(); len(fs) != 1 || fs[0].Name != "GET /b" {
		t.Errorf("functions %v", fs)
	}
}
