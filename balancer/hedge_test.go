package balancer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hedged is a pool whose server bad is always asked first and knows when it is late; on late it
// waits until its caller goes away.
func hedged(t *testing.T, cfg Config) (p *Pool, late *atomic.Bool) {
	t.Helper()
	late = &atomic.Bool{}
	bad := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if late.Load() {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "bad:"+string(body))
	})
	good := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "good:"+string(body))
	})
	cfg.HedgePaths, cfg.HedgeBudgetRatio = []string{"/v1/*"}, 1
	p = pair(t, cfg, bad.URL, good.URL)
	for range 2 * hedgeSamples {
		if code, body := send(t, p, request(t, "POST", "/v1/embed", strings.NewReader("x"))); code != 200 || !strings.HasSuffix(body, ":x") {
			t.Fatalf("got %d %s", code, body)
		}
	}
	eventually(t, "losers to be counted", func() bool { return p.Stats().ActiveConnections == 0 })
	return p, late
}

func TestHedge(t *testing.T) {
	t.Parallel()
	p, late := hedged(t, Config{})
	before := p.Stats()
	late.Store(true)
	ctx, trace := WithTrace(t.Context())
	code, body := send(t, p, request(t, "POST", "/v1/embed", strings.NewReader("y")).WithContext(ctx))
	if code != 200 || body != "good:y" || trace.Server != "good" || trace.Attempts != 2 {
		t.Errorf("got %d %s, %+v; want the answer of the second server", code, body, trace)
	}
	st := p.Stats()
	if st.Hedges != before.Hedges+1 || st.HedgesWon != before.HedgesWon+1 || st.Failed != 0 || st.Retries != 0 {
		t.Errorf("got %+v", st)
	}
	eventually(t, "the loser to be counted", func() bool {
		bad, was := p.Stats().Servers["bad"], before.Servers["bad"]
		return bad.Cancelled == was.Cancelled+1 && bad.Failed == was.Failed
	})
}

// A server that always loses looks as slow as it is at least.
func TestOutrunCountsAsSlow(t *testing.T) {
	t.Parallel()
	p := poolOf(t, LeastResponseTime, 2)
	s := p.view.Load().servers[0]
	for i, o := range []outcome{{succeeded, 1e6}, {outrun, 1e9}, {outrun, 1000}} {
		at := int64(i) * int64(time.Second)
		before := s.latency.seconds
		p.end(s.begin(job{now: at, size: 0.001}, s.seat.row, nil), at, o)
		if rose := s.latency.seconds > before; rose != (o.latency > 1000) {
			t.Errorf("%+v: %v s, before %v s", o, s.latency.seconds, before)
		}
	}
	if st, _ := s.stats(p.epoch, 0); st.Cancelled != 2 || st.Failed != 0 {
		t.Errorf("got %+v, want two calls that were cancelled", st)
	}
}

// Only what opted in is hedged.
func TestNoHedge(t *testing.T) {
	t.Parallel()
	p := newPool(t, Config{HedgePaths: []string{"/v1/*"}}, "http://127.0.0.1:1", "http://127.0.0.1:2")
	for _, tt := range []struct {
		path string
		with func(context.Context) context.Context
		want bool
	}{
		{"/v1/embed", nil, true},
		{"/v1/embed/deeper", nil, false},
		{"/other", nil, false},
		{"/other", WithHedge, true},
		{"/other", WithRepeatable, false},
	} {
		req := request(t, "POST", tt.path, nil)
		if tt.with != nil {
			req = req.WithContext(tt.with(req.Context()))
		}
		h := p.hedgerOf(req, p.view.Load().limits)
		if (h != nil) != tt.want {
			t.Errorf("%s: hedged %v, want %v", tt.path, h != nil, tt.want)
		}
		if again := p.hedgerOf(req, p.view.Load().limits); again != h {
			t.Errorf("%s: two of a kind do not share what they know", tt.path)
		}
	}
}

func TestHedgeBudget(t *testing.T) {
	t.Parallel()
	h := newHedger()
	spent := 0
	for range 10_000 {
		h.earn(defaultHedgeBudget)
		if h.spend() {
			spent++
		}
	}
	if spent < 290 || spent > 300 {
		t.Errorf("%d of 10,000 requests hedged, want 3 %%", spent)
	}
	for range 10_000 {
		h.earn(defaultHedgeBudget)
	}
	spent = 0
	for h.spend() {
		spent++
	}
	if spent < 10 || spent > 11 {
		t.Errorf("%d saved up, want ten", spent)
	}
}

// Whoever wins, loses, fails or leaves: the ledger comes out even.
func TestHedgeStorm(t *testing.T) {
	t.Parallel()
	moody := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch n := rand.IntN(20); {
			case n == 0:
				w.WriteHeader(500)
				return
			case n == 1:
				panic(http.ErrAbortHandler)
			case n < 8:
				select {
				case <-time.After(time.Duration(rand.IntN(4)) * time.Millisecond):
				case <-r.Context().Done():
					return
				}
			}
			fmt.Fprintf(w, "%s:%s", name, body)
		}
	}
	p := newPool(t, Config{
		HedgePaths: []string{"/v1/*"}, HedgeBudgetRatio: 1, ConsecutiveFailures: 1000, FailureRatio: 1,
	}, backend(t, moody("a")).URL, backend(t, moody("b")).URL, backend(t, moody("c")).URL)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 150 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%10 == 0 {
					time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
				}
				text := fmt.Sprint(rand.Uint32())
				req := request(t, "POST", "/v1/x", strings.NewReader(text)).WithContext(ctx)
				if code, body := send(t, p, req); code == 200 && !strings.HasSuffix(body, ":"+text) {
					t.Errorf("got %s, want the echo of %s", body, text)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if st := p.Stats(); st.Hedges == 0 || st.HedgesWon == 0 || st.HedgesWon > st.Hedges || st.Requests != 1200 {
		t.Errorf("got %+v", st)
	}
}
