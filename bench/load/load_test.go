package load_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/role"
)

func path(p string) func(*rand.Rand) string { return func(*rand.Rand) string { return p } }

func target(t *testing.T, h http.Handler) load.Target {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return load.Target{Name: t.Name(), Addr: s.Listener.Addr().String()}
}

func TestPoissonIsTheSameForASeed(t *testing.T) {
	t.Parallel()
	draw := func(rng *rand.Rand) string { return string(rune('a' + rng.IntN(26))) }
	one := load.Poisson(1, 1000, time.Second, draw)
	if !slices.Equal(one, load.Poisson(1, 1000, time.Second, draw)) {
		t.Error("one seed gave two schedules")
	}
	if slices.Equal(one, load.Poisson(2, 1000, time.Second, draw)) {
		t.Error("two seeds gave one schedule")
	}
}

func TestPoissonHasTheRateAndTheSpreadOfItsName(t *testing.T) {
	t.Parallel()
	const rate, length = 1000, 20 * time.Second
	arrivals := load.Poisson(7, rate, length, path("/"))
	if n, want := len(arrivals), 20_000; n < want-600 || n > want+600 { // four deviations
		t.Errorf("got %d arrivals, want about %d", n, want)
	}
	longer, last := 0, time.Duration(0)
	for _, a := range arrivals {
		if a.At < last || a.At >= length {
			t.Fatalf("arrival at %v after one at %v, in %v", a.At, last, length)
		}
		if a.At-last > time.Second/rate {
			longer++
		}
		last = a.At
	}
	// Exponential gaps exceed their mean in 1/e of the cases; even ones never would.
	if share := float64(longer) / float64(len(arrivals)); share < .35 || share > .39 {
		t.Errorf("%.3f of the gaps exceed the mean, want about 0.368", share)
	}
}

func TestLognormalIsBoundedAroundItsMedian(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	const median, longest = 2 * time.Millisecond, 8 * time.Millisecond
	below := 0
	for range 10_000 {
		switch d := load.Lognormal(rng, median, 1, longest); {
		case d <= 0 || d > longest:
			t.Fatalf("got %v, want up to %v", d, longest)
		case d < median:
			below++
		}
	}
	if below < 4800 || below > 5200 {
		t.Errorf("%d of 10,000 are below the median", below)
	}
}

func TestOpenSendsEachArrivalOnce(t *testing.T) {
	t.Parallel()
	var asked [100]atomic.Int32
	addr := target(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n := strings.TrimPrefix(r.URL.Path, "/"); n != "" {
			asked[int(n[0]-'0')*10+int(n[1]-'0')].Add(1)
		}
	}))
	arrivals := []load.Arrival{{Path: "/"}} // the first path also warms the connections
	for n := range 100 {
		arrivals = append(arrivals, load.Arrival{
			At: time.Duration(n) * 100 * time.Microsecond, Path: "/" + string([]byte{byte('0' + n/10), byte('0' + n%10)}),
		})
	}
	o, err := load.Open(t.Context(), addr, arrivals)
	if err != nil {
		t.Fatal(err)
	}
	if o.Sent != 101 || o.Failed != 0 || len(o.Latencies) != 101 || len(o.Lag) != 101 {
		t.Errorf("sent %d, failed %d, %d latencies, %d lags; want 101, 0, 101, 101", o.Sent, o.Failed, len(o.Latencies), len(o.Lag))
	}
	for n := range asked {
		if got := asked[n].Load(); got != 1 {
			t.Errorf("path %d was asked %d times", n, got)
		}
	}
}

// A request that was due before the loop could send it has waited: the figure says so.
func TestOpenCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	addr := target(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const late = 5 * time.Minute
	o, err := load.Open(t.Context(), addr, []load.Arrival{{At: -late, Path: "/"}, {At: -late, Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	if least := o.Latencies.Quantile(0); least < late {
		t.Errorf("the latency is %v, want at least %v", least, late)
	}
	if least := o.Lag.Quantile(0); least < late {
		t.Errorf("the lag is %v, want at least %v", least, late)
	}
}

func TestOpenCountsFailuresApart(t *testing.T) {
	t.Parallel()
	addr := target(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fault":
			w.WriteHeader(http.StatusInternalServerError)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		}
	}))
	o, err := load.Open(t.Context(), addr, []load.Arrival{{Path: "/"}, {Path: "/fault"}, {Path: "/cut"}, {Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Sent != 4 || o.Failed != 2 || len(o.Latencies) != 2 || o.FirstError == nil {
		t.Errorf("sent %d, failed %d (%v), %d latencies; want 4, 2, 2", o.Sent, o.Failed, o.FirstError, len(o.Latencies))
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	addr := target(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/last" {
			cancel()
		}
	}))
	o, err := load.Open(ctx, addr, []load.Arrival{{Path: "/"}, {Path: "/last"}, {At: time.Hour, Path: "/"}})
	if err == nil || o.Sent != 2 {
		t.Errorf("sent %d, error %v; want 2 and an error", o.Sent, err)
	}
}

func TestOpenNeedsAServer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := load.Open(t.Context(), load.Target{Name: "gone", Addr: s.Listener.Addr().String()}, []load.Arrival{{Path: "/"}})
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v, want an error that names the target", err)
	}
	if _, err := load.Open(t.Context(), load.Target{}, nil); err == nil {
		t.Error("a loop without arrivals is fine")
	}
}

func TestClosedKeepsItsConnectionsBusy(t *testing.T) {
	t.Parallel()
	var answers atomic.Int64
	together := make(chan struct{}, 4)
	addr := target(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		// Four at a time, or none: the loop ends only if it has four connections.
		if n := answers.Add(1); n > 4 && n <= 8 {
			together <- struct{}{}
			for len(together) < 4 {
				select {
				case <-t.Context().Done():
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	}))
	perSecond, err := load.Closed(t.Context(), addr, "/", 4, 10*time.Millisecond)
	if err != nil || perSecond <= 0 {
		t.Errorf("got %v answers a second, error %v", perSecond, err)
	}
}

func TestClosedEndsWithAFailure(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	addr := target(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 10 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	_, err := load.Closed(t.Context(), addr, "/", 2, time.Hour)
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v, want an error that says 503", err)
	}
}

func TestStreamsMeasureEveryEvent(t *testing.T) {
	t.Parallel()
	addr := target(t, role.Backend())
	plan := load.StreamPlan{Path: "/stream?n=5&us=100", Readers: 3, Each: 2, Tokens: 5}
	o, err := load.Streams(t.Context(), addr, plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.FirstByte) != 6 || len(o.Delays) != 6*4 {
		t.Errorf("%d first bytes and %d delays, want 6 and 24", len(o.FirstByte), len(o.Delays))
	}
	if o.Delays.Quantile(0) < 0 || o.FirstByte.Quantile(0) <= 0 {
		t.Errorf("a delay of %v, a first byte after %v", o.Delays.Quantile(0), o.FirstByte.Quantile(0))
	}
}

func TestStreamsThatEndEarlyAreErrors(t *testing.T) {
	t.Parallel()
	addr := target(t, role.Backend())
	_, err := load.Streams(t.Context(), addr, load.StreamPlan{Path: "/stream?n=3", Readers: 1, Each: 1, Tokens: 5})
	if err == nil || !strings.Contains(err.Error(), "3 of 5") {
		t.Errorf("got %v, want an error that says 3 of 5", err)
	}
	_, err = load.Streams(t.Context(), addr, load.StreamPlan{Path: "/nothing", Readers: 1, Each: 1, Tokens: 5})
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want an error that says 404", err)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       int
		fails      bool
	}{
		{"none", "", 0, false},
		{"two, with comments", ": hello\n\ndata: 1\n\ndata: 2\n\n", 2, false},
		{"not a time", "data: 1\n\ndata: x\n\n", 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := load.Events(t.Context(), strings.NewReader(tt.body))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %d, %v; want %d, fails %t", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make(load.Sample, 0, 100)
	for n := range 100 {
		hundred = append(hundred, time.Duration(100-n)) // 100 … 1
	}
	for _, tt := range []struct {
		name string
		in   load.Sample
		q    float64
		want time.Duration
	}{
		{"none", nil, .5, 0},
		{"one", load.Sample{7}, .99, 7},
		{"least", hundred, 0, 1},
		{"median", hundred, .5, 50},
		{"p99", hundred, .99, 99},
		{"above p99", hundred, .991, 100},
		{"most", hundred, 1, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := slices.Clone(tt.in).Quantile(tt.q); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   []float64
		want float64
	}{
		{"none", nil, 0}, {"one", []float64{3}, 3}, {"odd", []float64{9, 1, 2}, 2}, {"even", []float64{4, 1, 2, 9}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := load.Median(tt.in); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if got := load.Median([]time.Duration{time.Second, 3 * time.Second}); got != 2*time.Second {
		t.Errorf("got %v, want 2 s", got)
	}
}
