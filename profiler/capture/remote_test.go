package capture

import (
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTargets(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	other := httptest.NewServer(mux)
	t.Cleanup(other.Close)
	answer := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	r := open(t, Config{Manual: true, Targets: map[string]string{
		"search": other.URL,
		"page":   answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }),
		"moved": answer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/debug/pprof/heap", http.StatusFound)
		}),
		"gone":   answer(http.NotFound),
		"hangs":  answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"absent": "http://127.0.0.1:1",
	}})
	start(t, r, Request{Kind: Heap, Target: "hangs"}) // and holds nobody else up
	c := await(t, r, start(t, r, Request{Kind: Goroutine, Target: "search"}).ID)
	if c.State != Done || c.Target != "search" {
		t.Fatalf("%+v", c)
	}
	if _, p, err := r.Profile(c.ID); err != nil || len(p.Sample) == 0 {
		t.Errorf("profile %v, %v", p, err)
	}
	for target, want := range map[string]string{
		"page": "corrupt profile", "moved": "answered 302 Found", "gone": "does it serve net/http/pprof?", "absent": "ask target absent",
	} {
		c := await(t, r, start(t, r, Request{Kind: Heap, Target: target}).ID)
		if c.State != Failed || !strings.Contains(c.Error, want) {
			t.Errorf("%s: %+v, want %q", target, c, want)
		}
	}
	c = await(t, r, start(t, r, Request{Kind: Trace, Seconds: 1, Target: "page"}).ID)
	if !strings.Contains(c.Error, "no execution trace") {
		t.Errorf("%+v", c)
	}
	if c = await(t, r, start(t, r, Request{Kind: Heap}).ID); c.State != Done {
		t.Errorf("this process: %+v", c)
	}
}

type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestHangingTargetIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &Recorder{fetcher: &http.Client{Transport: hanging{}}}
		began := time.Now()
		_, err := r.fetch(t.Context(), Request{Kind: CPU, Seconds: 5, Target: "x"}, "http://x")
		if err == nil || !strings.Contains(err.Error(), "ask target x: no answer within 20s") || time.Since(began) != 20*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestForbiddenAddressBehindAName(t *testing.T) {
	t.Parallel()
	for address, bad := range map[string]bool{"169.254.169.254:80": true, "[::]:80": true, "10.0.0.5:6060": false, "127.0.0.1:6060": false, "x": true} {
		if err := refuseForbidden("tcp", address, nil); (err != nil) != bad {
			t.Errorf("%s: %v", address, err)
		}
	}
}
