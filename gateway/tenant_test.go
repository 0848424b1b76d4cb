package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/gateway"
)

// wantLimit fails unless the answer names a limit and when to try again.
func (r *rig) wantLimit(got reply, status int, key string) {
	r.Helper()
	p := r.wantProblem(got, status)
	after, err := strconv.Atoi(got.Header.Get("Retry-After"))
	if !strings.Contains(got.body, `"limit":"`+key+`"`) || !strings.Contains(p.Hint, key) || err != nil || after < 1 {
		r.Errorf("got %s, Retry-After %q; want the limit %s", got.body, got.Header.Get("Retry-After"), key)
	}
}

func TestRequestsOfATenantAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true, cfg: gateway.Config{TenantBy: gateway.ByHeader, Limits: []gateway.Limit{
		{Tenant: "free", RequestsPerSecond: 0.001, Burst: 3},
		{Tenant: "*", RequestsPerSecond: 0.001, Burst: 1},
	}}}, backend(t, says("ok")).URL)
	for i := range 4 {
		got := r.get("/", "X-Upshift-Tenant", "free")
		if i < 3 && got.StatusCode != http.StatusOK {
			t.Errorf("request %d: %d", i, got.StatusCode)
		} else if i == 3 {
			r.wantLimit(got, http.StatusTooManyRequests, "gateway.limits[0].requests_per_second")
		}
	}
	for _, tenant := range []string{"a", "b"} { // each has its own
		if got := r.get("/", "X-Upshift-Tenant", tenant); got.StatusCode != http.StatusOK {
			t.Errorf("tenant %s: %d", tenant, got.StatusCode)
		}
		r.wantLimit(r.get("/", "X-Upshift-Tenant", tenant), http.StatusTooManyRequests, "gateway.limits[1].requests_per_second")
	}
	s := r.gw.Stats()
	if s.Limited["requests"] != 3 || s.ByClass["4xx"] != 3 {
		t.Errorf("counted %v, %v", s.Limited, s.ByClass)
	}
	if err := r.gw.Apply(gateway.Config{TenantBy: gateway.ByHeader}); err != nil {
		t.Fatal(err)
	}
	if got := r.get("/", "X-Upshift-Tenant", "free"); got.StatusCode != http.StatusOK {
		t.Errorf("without limits: %d", got.StatusCode)
	}
}

func TestTenantsByCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true, cfg: gateway.Config{Limits: []gateway.Limit{
		{Tenant: "*", RequestsPerSecond: 0.001, Burst: 1},
	}}}, backend(t, says("ok")).URL)
	for _, headers := range [][]string{
		{"Authorization", "Bearer a"},
		{"Authorization", "Bearer b", "X-Upshift-Tenant", "x"},
		{"X-Api-Key", "a"},
		{"X-Upshift-Tenant", "y"},
	} {
		if got := r.get("/", headers...); got.StatusCode != http.StatusOK {
			t.Errorf("%v: %d", headers, got.StatusCode)
		}
	}
	for _, headers := range [][]string{
		{"Authorization", "Bearer a", "X-Upshift-Tenant", "z"},
		{"Authorization", "Bearer a", "Connection", "Authorization"}, // hidden from the server, not from here
		{},
	} {
		r.wantLimit(r.get("/", headers...), http.StatusTooManyRequests, "gateway.limits[0].requests_per_second")
	}
	for name := range r.gw.Stats().Tenants {
		if name != "none" && !(strings.HasPrefix(name, "key-") && len(name) == 16) {
			t.Errorf("a tenant is called %q", name)
		}
	}
}

func TestTokensOfATenantAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{cfg: gateway.Config{TenantBy: gateway.ByHeader, Limits: []gateway.Limit{{Tenant: "*", TokensPerMinute: 1200}}}},
		backend(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, chatSays)
		}).URL)
	ask := func(tenant string) reply { return r.post(chatPath, `{"model":"gpt-4o"}`, "X-Upshift-Tenant", tenant) }
	for i := range 2 { // of 1,100 tokens each: the second one goes below nothing
		if got := ask("a"); got.StatusCode != http.StatusOK {
			t.Fatalf("call %d: %d", i, got.StatusCode)
		}
		r.recorded(uint64(i + 1))
	}
	eventually(t, "the tokens to be taken off", func() bool { return *r.gw.Stats().Tenants["a"].TokensLeft < -900 })
	got := ask("a")
	r.wantLimit(got, http.StatusTooManyRequests, "gateway.limits[0].tokens_per_minute")
	if after, _ := strconv.Atoi(got.Header.Get("Retry-After")); after < 40 || after > 51 {
		t.Errorf("to be tried again after %d s, want about 50", after)
	}
	if got := r.get("/other", "X-Upshift-Tenant", "a"); got.StatusCode != http.StatusOK {
		t.Errorf("what needs no tokens: %d", got.StatusCode)
	}
	if got := ask("b"); got.StatusCode != http.StatusOK {
		t.Errorf("another tenant: %d", got.StatusCode)
	}
	if s := r.gw.Stats(); s.Limited["tokens"] != 1 {
		t.Errorf("counted %v", s.Limited)
	}
	if s := r.gw.LLM(); s.Tenants["a"].Requests != 2 {
		t.Errorf("accounts: %v", s.Tenants)
	}
}

// held is a server that answers when it is told to, and says who has come.
func held(t *testing.T) (arrived chan string, release chan struct{}, url string) {
	t.Helper()
	arrived, release = make(chan string, 100), make(chan struct{})
	s := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	return arrived, release, s.URL
}

func TestConcurrencyOfATenantIsLimited(t *testing.T) {
	t.Parallel()
	arrived, release, url := held(t)
	r := newRig(t, options{noCache: true, cfg: gateway.Config{TenantBy: gateway.ByHeader, QueueSize: 1, Limits: []gateway.Limit{
		{Tenant: "*", Concurrency: 1},
	}}}, url)
	var wg sync.WaitGroup
	ask := func(tenant, path string) {
		wg.Go(func() {
			if got := r.get(path, "X-Upshift-Tenant", tenant); got.StatusCode != http.StatusOK {
				t.Errorf("%s of %s: %d", path, tenant, got.StatusCode)
			}
		})
	}
	ask("a", "/1")
	<-arrived
	ask("a", "/2")
	eventually(t, "one to wait", func() bool { return r.gw.Stats().Queued == 1 })
	r.wantLimit(r.get("/3", "X-Upshift-Tenant", "a"), http.StatusTooManyRequests, "gateway.limits[0].concurrency")
	ask("b", "/4") // another tenant is not held up
	if path := <-arrived; path != "/4" {
		t.Errorf("%s got through", path)
	}
	if diff := cmp.Diff(gateway.TenantStats{InFlight: 1, Waiting: 1}, r.gw.Stats().Tenants["a"]); diff != "" {
		t.Error(diff)
	}
	close(release)
	wg.Wait()
	if s := r.gw.Stats(); s.Queued != 0 || s.Limited["concurrency"] != 1 || s.Tenants["a"].InFlight != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestOverloadIsShedByPriority(t *testing.T) {
	t.Parallel()
	arrived, release, url := held(t)
	r := newRig(t, options{noCache: true, cfg: gateway.Config{
		TenantBy: gateway.ByHeader, MaxConcurrency: 1, QueueSize: 1, Limits: []gateway.Limit{{Tenant: "vip", Priority: "high"}},
	}}, url)
	replies := make(chan reply, 3)
	ask := func(tenant, path string) {
		go func() { replies <- r.get(path, "X-Upshift-Tenant", tenant) }()
	}
	ask("a", "/1")
	<-arrived
	ask("b", "/2")
	eventually(t, "one to wait", func() bool { return r.gw.Stats().Queued == 1 })
	r.wantLimit(r.get("/3", "X-Upshift-Tenant", "c"), http.StatusServiceUnavailable, "gateway.max_concurrency")
	// Who is high may also be low.
	r.wantLimit(r.get("/3", "X-Upshift-Tenant", "vip", "X-Upshift-Priority", "low"), http.StatusServiceUnavailable, "gateway.max_concurrency")
	ask("vip", "/4")
	r.wantLimit(<-replies, http.StatusServiceUnavailable, "gateway.max_concurrency") // of b
	release <- struct{}{}
	if path := <-arrived; path != "/4" {
		t.Errorf("%s got through", path)
	}
	close(release)
	for range 2 {
		if got := <-replies; got.StatusCode != http.StatusOK {
			t.Errorf("got %d", got.StatusCode)
		}
	}
	if s := r.gw.Stats(); s.Limited["overload"] != 3 {
		t.Errorf("counted %v", s.Limited)
	}
}

func TestQueueEnds(t *testing.T) {
	t.Parallel()
	arrived, release, url := held(t)
	r := newRig(t, options{noCache: true, cfg: gateway.Config{MaxConcurrency: 1, QueueTimeout: 50 * time.Millisecond}}, url)
	first := make(chan reply, 1)
	go func() { first <- r.get("/1") }()
	<-arrived
	got := r.get("/2")
	r.wantLimit(got, http.StatusServiceUnavailable, "gateway.max_concurrency")
	if !strings.Contains(got.body, "waited in the queue") {
		t.Errorf("got %s", got.body)
	}
	close(release)
	<-first
}

func TestHitsNeedNoPlace(t *testing.T) {
	t.Parallel()
	arrived, release, url := held(t)
	o := &origin{answer: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=60") }}
	cached := backend(t, o.ServeHTTP)
	r := newRig(t, options{cfg: gateway.Config{MaxConcurrency: 1, QueueSize: 1}, pool: byPath{"/slow": url, "/": cached.URL}})
	r.get("/")
	slow := make(chan reply, 1)
	go func() { slow <- r.get("/slow") }()
	<-arrived
	if got := r.get("/"); !strings.Contains(got.Header.Get("Cache-Status"), "hit") {
		t.Errorf("got %d, %q", got.StatusCode, got.Header.Get("Cache-Status"))
	}
	close(release)
	<-slow
}

func TestLimitsThatAreRefused(t *testing.T) {
	t.Parallel()
	err := gateway.Config{
		TenantBy: "cookie", MaxConcurrency: -1, QueueSize: -1, QueueTimeout: -1, Limits: []gateway.Limit{
			{RequestsPerSecond: -1, TokensPerMinute: -1, Concurrency: -1, Priority: "top", Burst: -1},
			{Tenant: "a", Burst: 2},
			{Tenant: "a"},
		},
	}.Validate()
	for _, key := range []string{
		"tenant_by", "max_concurrency", "queue_size", "queue_timeout", "limits[0].tenant", "limits[0].requests_per_second",
		"limits[0].tokens_per_minute", "limits[0].concurrency", "limits[0].priority", "limits[0].burst", "limits[1].burst", "limits[2].tenant",
	} {
		if err == nil || !strings.Contains(err.Error(), "gateway."+key+": ") {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}

// byPath sends requests where their path says.
type byPath map[string]string

// RoundTrip sends a request.
func (b byPath) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Host = strings.TrimPrefix(b[req.URL.Path], "http://")
	return http.DefaultTransport.RoundTrip(out)
}
