package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/gateway"
)

// named is a pool of one server that says its name and what it was sent.
func named(t *testing.T, name string, status int) http.RoundTripper {
	t.Helper()
	return poolOf(t, backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Length", fmt.Sprint(len(body)))
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s %s", name, body[:min(len(body), 200)])
	}).URL)
}

func poolOf(t *testing.T, url string) *balancer.Pool {
	t.Helper()
	p, err := balancer.New(balancer.Config{MaxRetries: 1, Servers: []balancer.ServerConfig{{ID: "s", URL: url}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	return p
}

func pooled(t *testing.T, routes []gateway.PoolRoute, pools map[string]http.RoundTripper) *rig {
	t.Helper()
	return newRig(t, options{noCache: true, cfg: gateway.Config{Routes: routes}, pools: pools})
}

func TestRoutesToPools(t *testing.T) {
	t.Parallel()
	pools := map[string]http.RoundTripper{}
	for _, name := range []string{"default", "own", "cloud", "tools", "other"} {
		pools[name] = named(t, name, http.StatusOK)
	}
	r := pooled(t, []gateway.PoolRoute{
		{Host: "*.tools.example", Pools: []string{"tools"}},
		{Path: "/v1/**", Model: "gpt-*", Pools: []string{"cloud"}},
		{Model: "own/*", Pools: []string{"own"}},
		{Path: "/rerank/*", Pools: []string{"other"}},
	}, pools)
	long := strings.Repeat("x", 100_000)
	for _, tt := range []struct{ name, host, path, body, want string }{
		{"nothing fits", "", "/else", "b", "default"},
		{"host", "a.tools.example:80", "/x", "b", "tools"},
		{"the domain itself", "tools.example", "/x", "b", "default"},
		{"path", "", "/rerank/a", "b", "other"},
		{"below the path", "", "/rerank/a/b", "b", "default"},
		{"model", "", "/v1/chat/completions", `{"model":"gpt-4o"}`, "cloud"},
		{"model at the end", "", "/v1/chat/completions", `{"messages":"` + long + `","model":"gpt-4o"}`, "cloud"},
		{"model with a slash", "", "/v1/embeddings", `{"model":"own/embed"}`, "default"},
		{"another model", "", "/v1/chat/completions", `{"model":"claude"}`, "default"},
		{"no model", "", "/v1/chat/completions", `{"gpt-4o":1}`, "default"},
		{"a model where none is looked for", "", "/v1/other", `{"model":"gpt-4o"}`, "default"},
	} {
		req := r.request(http.MethodPost, tt.path, strings.NewReader(tt.body), "Content-Type", "application/json")
		if req.Host = r.addr; tt.host != "" {
			req.Host = tt.host
		}
		got := r.send(req)
		name, body, _ := strings.Cut(got.body, " ")
		if name != tt.want || got.Header.Get("X-Upshift-Pool") != tt.want || !strings.HasPrefix(tt.body, body) ||
			got.Header.Get("X-Length") != fmt.Sprint(len(tt.body)) {
			t.Errorf("%s: went to %q (%q) with %s bytes, want %s with %d", tt.name, name, got.Header.Get("X-Upshift-Pool"),
				got.Header.Get("X-Length"), tt.want, len(tt.body))
		}
	}
}

func TestOverflowToTheNextPool(t *testing.T) {
	t.Parallel()
	empty, err := balancer.New(balancer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		first http.RoundTripper
		body  string
		want  int // status; 200 is the next pool's
	}{
		{"no server", empty, "body", http.StatusOK},
		{"not to be reached", poolOf(t, closedPort(t)), "body", http.StatusOK},
		{"too many requests", named(t, "own", http.StatusTooManyRequests), "body", http.StatusOK},
		{"unavailable, without a body", named(t, "own", http.StatusServiceUnavailable), "", http.StatusOK},
		{"overloaded", named(t, "own", 529), "body", http.StatusOK},
		{"failed", named(t, "own", http.StatusInternalServerError), "body", http.StatusInternalServerError},
		{"a body too long to be held", named(t, "own", http.StatusTooManyRequests), strings.Repeat("x", 1<<20+1), http.StatusTooManyRequests},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := pooled(t, []gateway.PoolRoute{{Pools: []string{"own", "cloud"}}}, map[string]http.RoundTripper{
				"own": tt.first, "cloud": named(t, "cloud", http.StatusOK),
			})
			got := r.send(r.request(http.MethodPost, "/", strings.NewReader(tt.body)))
			if got.StatusCode != tt.want {
				t.Fatalf("got %d %q, want %d", got.StatusCode, got.body, tt.want)
			}
			stats := map[string]gateway.PoolStats{"own": {Requests: 1, Overflowed: 1}, "cloud": {Requests: 1}}
			if tt.want != http.StatusOK {
				stats = map[string]gateway.PoolStats{"own": {Requests: 1}, "cloud": {}}
			} else if got.body != "cloud "+tt.body || got.Header.Get("X-Upshift-Pool") != "cloud" {
				t.Errorf("got %q by %q", got.body, got.Header.Get("X-Upshift-Pool"))
			}
			if diff := cmp.Diff(stats, r.gw.Stats().Pools); diff != "" {
				t.Error(diff)
			}
			if tt.name == "too many requests" && got.Header.Get("X-Upshift-Attempts") != "2" {
				t.Errorf("after %q attempts, want 2", got.Header.Get("X-Upshift-Attempts"))
			}
		})
	}
}

// The answer of the last pool is that of the request, whatever it is.
func TestLastPoolAnswers(t *testing.T) {
	t.Parallel()
	r := pooled(t, []gateway.PoolRoute{{Pools: []string{"own", "cloud"}}}, map[string]http.RoundTripper{
		"own": named(t, "own", http.StatusServiceUnavailable), "cloud": named(t, "cloud", http.StatusTooManyRequests),
	})
	if got := r.get("/"); got.StatusCode != http.StatusTooManyRequests || got.body != "cloud " {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
}

// A body of unknown length may be made as the answer comes: it is not waited for.
func TestBodyOfUnknownLengthIsNotHeld(t *testing.T) {
	t.Parallel()
	r := pooled(t, []gateway.PoolRoute{{Pools: []string{"own", "cloud"}}}, map[string]http.RoundTripper{
		"own": named(t, "own", http.StatusTooManyRequests), "cloud": named(t, "cloud", http.StatusOK),
	})
	got := r.send(r.request(http.MethodPost, "/", io.MultiReader(strings.NewReader("body"))))
	if got.StatusCode != http.StatusTooManyRequests || got.body != "own body" {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
}

func TestRoutesThatAreRefused(t *testing.T) {
	t.Parallel()
	err := gateway.Config{Routes: []gateway.PoolRoute{
		{Path: "v1", Host: "a:80", Model: "[", Pools: nil}, {Path: "/[", Host: "a*", Pools: []string{""}},
	}}.Validate()
	for _, key := range []string{"[0].path", "[0].host", "[0].model", "[0].pools", "[1].path", "[1].host", "[1].pools"} {
		if err == nil || !strings.Contains(err.Error(), "gateway.routes"+key+": ") {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
	cfg := gateway.Config{Routes: []gateway.PoolRoute{{Pools: []string{"clout"}}}}
	_, err = gateway.New(cfg, gateway.Parts{Pools: map[string]http.RoundTripper{"cloud": http.DefaultTransport}})
	if err == nil || err.Error() != `gateway.routes[0].pools: there is no pool "clout"; known are cloud` {
		t.Errorf("an unknown pool: %v", err)
	}
}
