package api

import (
	"bytes"
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// request is one call of the contract test. Off is the status when every part is nil,
// 0 when it is the same.
type request struct {
	route  string // METHOD path of the table
	path   string // with values; empty: the route's own
	body   string
	prefer string
	want   int
	off    int
}

// contract calls every route of the table at least once. Paths are below base when they
// begin with a dot.
func contract() []request {
	return []request{
		{route: "GET ./metrics", want: 200},
		{route: "GET ./metrics", path: "./metrics?hours=1", want: 200},
		{route: "GET ./metrics", path: "./metrics?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&step=60", want: 200},
		{route: "GET ./metrics", path: "./metrics?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", want: 400},
		{route: "GET ./metrics", path: "./metrics?hours=NaN", want: 400},
		{route: "GET ./metrics", path: "./metrics?hours=1&start=2026-01-02T00:00:00Z", want: 400},
		{route: "GET ./metrics", path: "./metrics?start=yesterday", want: 400},
		{route: "GET ./metrics/current", want: 200},
		{route: "GET ./cache/stats", want: 200},
		{route: "POST ./cache/clear", want: 200, off: 409},
		{route: "POST ./cache/clear", path: "./cache/clear?cache_type=responses", want: 200, off: 409},
		{route: "POST ./cache/clear", path: "./cache/clear?cache_type=response", want: 404, off: 409},
		{route: "POST ./cache/clear", path: "./cache/clear?pattern=a*", want: 200, off: 409},
		{route: "POST ./cache/clear", path: "./cache/clear?tag=t", want: 200, off: 409},
		{route: "POST ./cache/clear", path: "./cache/clear?tag=t&pattern=a", want: 400, off: 409},
		{route: "POST ./cache/optimize", want: 200, off: 409},
		{route: "GET ./gateway/stats", want: 200},
		{route: "GET ./gateway/llm", want: 200},
		{route: "GET ./database/stats", want: 200},
		{route: "GET ./database/slow-queries", path: "./database/slow-queries?limit=5", want: 200},
		{route: "POST ./database/analyze", body: `{"query":"select 1","params":[1]}`, want: 409},
		{route: "GET ./database/indexes", want: 200},
		{route: "POST ./database/indexes/{id}/apply", path: "./database/indexes/none/apply", want: 409},
		{route: "POST ./database/indexes/{id}/revert", path: "./database/indexes/none/revert", want: 409},
		{route: "POST ./database/vacuum", want: 409},
		{route: "POST ./database/vacuum", body: `{"tables":["public.t"]}`, want: 409},
		{route: "POST ./database/optimize", prefer: "respond-async", want: 409},
		{route: "GET ./memory/stats", want: 200},
		{route: "POST ./memory/gc", want: 200, off: 409},
		{route: "GET ./load-balancer/stats", want: 200},
		{route: "POST ./load-balancer/optimize", want: 200, off: 409},
		{route: "PUT ./load-balancer/strategy", body: `{"strategy":"round_robin"}`, want: 200, off: 409},
		{route: "PUT ./load-balancer/strategy", body: `{"strategy":"round_robbin"}`, want: 400, off: 409},
		{route: "GET ./load-balancer/servers", want: 200},
		{route: "POST ./load-balancer/servers", body: `{"id":"new","host":"127.0.0.1","port":9,"weight":2}`, want: 201, off: 409},
		{route: "POST ./load-balancer/servers", body: `{"id":"new","url":"http://127.0.0.1:9"}`, want: 409},
		{route: "POST ./load-balancer/servers", body: `{"id":"n2","url":"http://169.254.169.254"}`, want: 400, off: 409},
		{route: "POST ./load-balancer/servers", body: `{"id":"n2"}`, want: 400, off: 409},
		{route: "PATCH ./load-balancer/servers/{id}", path: "./load-balancer/servers/new", body: `{"weight":3,"status":"maintenance"}`, want: 200, off: 409},
		{route: "PATCH ./load-balancer/servers/{id}", path: "./load-balancer/servers/none", body: `{"weight":3}`, want: 404, off: 409},
		{route: "PATCH ./load-balancer/servers/{id}", path: "./load-balancer/servers/new", body: `{}`, want: 400, off: 409},
		{route: "DELETE ./load-balancer/servers/{id}", path: "./load-balancer/servers/new", want: 200, off: 409},
		{route: "DELETE ./load-balancer/servers/{id}", path: "./load-balancer/servers/new", want: 404, off: 409},
		{route: "GET ./profiler/summary", want: 200},
		{route: "GET ./profiler/functions", want: 200},
		{route: "GET ./profiler/functions/{name}", path: "./profiler/functions/GET%20%2Fchat", want: 200, off: 404},
		{route: "GET ./profiler/functions/{name}", path: "./profiler/functions/none", want: 404},
		{route: "GET ./profiler/bottlenecks", path: "./profiler/bottlenecks?percentile=90", want: 200},
		{route: "GET ./profiler/bottlenecks", path: "./profiler/bottlenecks?percentile=NaN", want: 400},
		{route: "GET ./profiler/bottlenecks", path: "./profiler/bottlenecks?percentile=101", want: 400},
		{route: "PUT ./profiler", body: `{"enabled":true,"threshold_seconds":0.2}`, want: 200, off: 409},
		{route: "PUT ./profiler", body: `{}`, want: 400, off: 409},
		{route: "DELETE ./profiler/functions/{name}", path: "./profiler/functions/GET%20%2Fchat", want: 200, off: 409},
		{route: "DELETE ./profiler/functions", want: 200, off: 409},
		{route: "GET ./profiler/traces", want: 200},
		{route: "GET ./profiler/causes", want: 200},
		{route: "POST ./profiler/causes", body: `{"seconds":1}`, want: 200, off: 409},
		{route: "POST ./profiler/causes", body: `{"seconds":31}`, want: 400},
		{route: "GET ./profiler/captures", want: 200},
		{route: "POST ./profiler/captures", body: `{"kind":"heap"}`, want: 202, off: 409},
		{route: "POST ./profiler/captures", body: `{"kind":"heaps"}`, want: 400, off: 409},
		{route: "POST ./profiler/captures", body: `{"kind":"cpu","seconds":301}`, want: 400, off: 409},
		{route: "POST ./profiler/captures", body: `{"kind":"cpu","target":"http://127.0.0.1"}`, want: 400, off: 409},
		{route: "GET ./profiler/captures/{id}", path: "./profiler/captures/none", want: 404},
		{route: "GET ./profiler/captures/{id}/flamegraph", path: "./profiler/captures/none/flamegraph", want: 404},
		{route: "GET ./profiler/captures/{id}/top", path: "./profiler/captures/none/top", want: 404},
		{route: "GET ./profiler/captures/{id}/diff", path: "./profiler/captures/none/diff?base=none", want: 404},
		{route: "GET ./profiler/captures/{id}/diff", path: "./profiler/captures/none/diff", want: 400},
		{route: "DELETE ./profiler/captures/{id}", path: "./profiler/captures/none", want: 404},
		{route: "GET ./recommendations", want: 200},
		{route: "POST ./recommendations/{id}/apply", path: "./recommendations/none/apply", want: 404},
		{route: "POST ./recommendations/{id}/dismiss", path: "./recommendations/none/dismiss", body: `{"digest":"x"}`, want: 404},
		{route: "POST ./recommendations/{id}/revert", path: "./recommendations/none/revert", want: 404},
		{route: "GET ./alerts", want: 200},
		{route: "GET ./alerts/rules", want: 200},
		{route: "GET ./status", want: 200},
		{route: "GET ./health", want: 200},
		{route: "GET ./jobs/{id}", path: "./jobs/none", want: 404},
		{route: "GET ./config", want: 200},
		{route: "POST ./config/reload", want: 200, off: 409},
		{route: "GET ./session", want: 200},
		{route: "POST ./session", body: `{"token":"nonsense"}`, want: 401},
		{route: "DELETE ./session", want: 200},
		{route: "GET ./tokens", want: 200},
		{route: "POST ./tokens", body: `{"name":"ci","role":"viewer","expires":"2999-01-01T00:00:00Z"}`, want: 201},
		{route: "POST ./tokens", body: `{"name":"ci","role":"viewer","expires":"2001-01-01T00:00:00Z"}`, want: 400},
		{route: "POST ./tokens", body: `{"name":"ci","role":"king"}`, want: 400},
		{route: "DELETE ./tokens/{id}", path: "./tokens/none", want: 404},
		{route: "GET ./audit", want: 200},
		{route: "GET /metrics", want: 200},
		{route: "POST /v1/traces", body: `{"resourceSpans":[]}`, want: 200, off: 409},
		{route: "POST /v1/traces", body: `{"resourceSpans":1}`, want: 400, off: 409},
		{route: "GET /healthz", want: 200},
		{route: "GET /readyz", want: 200},
		{route: "GET /openapi.json", want: 200},
		{route: "GET /docs", want: 200},
		{route: "GET /docs/docs.js", want: 200},
		{route: "GET /docs/docs.css", want: 200},
		{route: "GET /api/v1/query", path: "/api/v1/query?query=up", want: 200, off: 503},
		{route: "POST /api/v1/query", want: 400, off: 503},
		{route: "GET /api/v1/query_range", path: "/api/v1/query_range?query=up&start=1&end=2&step=1", want: 200, off: 503},
		{route: "POST /api/v1/query_range", want: 400, off: 503},
		{route: "GET /api/v1/labels", want: 200, off: 503},
		{route: "POST /api/v1/labels", want: 200, off: 503},
		{route: "GET /api/v1/series", path: "/api/v1/series?match[]=up", want: 200, off: 503},
		{route: "POST /api/v1/series", want: 400, off: 503},
		{route: "GET /api/v1/label/{name}/values", path: "/api/v1/label/job/values", want: 200, off: 503},
		{route: "GET /api/v1/rules", want: 200, off: 503},
		{route: "GET /api/v1/alerts", want: 200, off: 503},
		{route: "GET /api/v1/format_query", path: "/api/v1/format_query?query=up", want: 200, off: 503},
		{route: "POST /api/v1/format_query", want: 400, off: 503},
		{route: "GET /api/v1/query_exemplars", want: 200, off: 503},
		{route: "POST /api/v1/query_exemplars", want: 200, off: 503},
		{route: "GET /api/v1/metadata", want: 200, off: 503},
		{route: "GET /api/v1/status/buildinfo", want: 200, off: 503},
	}
}

func (r request) parts() (method, route, path string) {
	method, route, _ = strings.Cut(r.route, " ")
	full := func(p string) string {
		if rest, ok := strings.CutPrefix(p, "."); ok {
			return base + rest
		}
		return p
	}
	path = r.path
	if path == "" {
		path = route
	}
	return method, full(route), full(path)
}

func TestContract(t *testing.T) {
	t.Run("every part", func(t *testing.T) { testContract(t, realParts(t), false) })
	t.Run("no part", func(t *testing.T) { testContract(t, Parts{}, true) })
}

func testContract(t *testing.T, parts Parts, off bool) {
	t.Helper()
	k := newKit(t, parts).run()
	called := map[string]bool{base + "/events": true} // see TestEvents
	for _, r := range contract() {
		method, route, path := r.parts()
		called[method+" "+route] = true
		want := r.want
		if off && r.off != 0 {
			want = r.off
		}
		w := k.ask(Admin, method, path, r.body, withHeader("Prefer", r.prefer))
		if w.Code != want {
			t.Errorf("%s %s: status %d, want %d: %s", method, path, w.Code, want, w.Body)
			continue
		}
		checkDocumented(t, k, method, route, w)
	}
	for _, rt := range k.Routes() {
		if rt.Path != base+"/events" && !called[rt.Method+" "+rt.Path] {
			t.Errorf("%s %s is in the table and not in the contract test", rt.Method, rt.Path)
		}
	}
	if n := k.Stats().Panics; n > 0 {
		t.Errorf("%d panics: %s", n, k.logs)
	}
}

// checkDocumented holds an answer against what openapi.json says of it.
func checkDocumented(t *testing.T, k *kit, method, route string, w *httptest.ResponseRecorder) {
	t.Helper()
	op := operationOf(k.openapi, method, route)
	if op == nil {
		t.Fatalf("%s %s is not documented", method, route)
	}
	media, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Fatalf("%s %s: %v", method, route, err)
	}
	response := op.Responses[statusKey(w.Code)]
	if response == nil {
		response = op.Responses["default"]
	}
	if w.Code >= 400 && strings.HasPrefix(route, base) {
		problemOf(t, w)
	}
	if len(response.Content) == 0 || !strings.HasPrefix(route, base) && w.Code >= 400 {
		return // outside the base: other people's shapes
	}
	content := response.Content[media]
	if content == nil {
		t.Fatalf("%s %s: %d answers %s, which is not documented", method, route, w.Code, media)
	}
	var body any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s %s: %v: %s", method, route, err, w.Body)
	}
	checkFinite(t, method+" "+route, body)
	result := &huma.ValidateResult{}
	huma.Validate(k.openapi.Components.Schemas, content.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, body, result)
	for _, err := range result.Errors {
		t.Errorf("%s %s: %d is not as documented: %v", method, route, w.Code, err)
	}
}

func operationOf(doc *huma.OpenAPI, method, route string) *huma.Operation {
	item := doc.Paths[route]
	if item == nil {
		return nil
	}
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[method]
}

// checkFinite fails on what JSON could not carry, should it ever be let through as text.
func checkFinite(t *testing.T, where string, v any) {
	t.Helper()
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s: a number is not finite", where)
		}
	case string:
		if v == "NaN" || strings.HasSuffix(v, "Inf") {
			t.Errorf("%s: %q in place of a number", where, v)
		}
	case map[string]any:
		for name, e := range v {
			checkFinite(t, where+"."+name, e)
		}
	case []any:
		for _, e := range v {
			checkFinite(t, where, e)
		}
	}
}

func TestDocumentNeverSaysNull(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{})
	if bytes.Contains(k.document, []byte(`["array","null"]`)) {
		t.Error("openapi.json documents an array that may be null")
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Role     string                `json:"x-role"`
			Security []map[string][]string `json:"security"`
			Summary  string
		}
	}
	if err := json.Unmarshal(k.document, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("openapi %q, err %v", doc.OpenAPI, err)
	}
	operations := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations++
			if op.Role == "" || op.Summary == "" || (op.Role == "open") == (len(op.Security) > 0) {
				t.Errorf("%s %s: %+v", method, path, op)
			}
		}
	}
	if operations != len(k.Routes()) {
		t.Errorf("%d operations documented, %d in the table", operations, len(k.Routes()))
	}
}
