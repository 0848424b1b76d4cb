package balancer

import (
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func TestStatsOfAnIdlePool(t *testing.T) {
	t.Parallel()
	p := poolOf(t, Adaptive, 3)
	st := p.Stats()
	if st.SuccessPercent != 100 || st.TotalServers != 3 || st.HealthyServers != 3 || len(st.Distribution) != 3 || st.Panic {
		t.Errorf("got %+v", st)
	}
	for _, s := range p.Servers() {
		for _, f := range []float64{s.LoadScore, s.MeanResponseSeconds, s.P50Seconds, s.P99Seconds, s.RequestsPerSecond, s.ErrorPercent, s.LoadRatio} {
			if f != 0 {
				t.Errorf("got %+v, want zeros", s)
			}
		}
		if s.Since.IsZero() || s.Status != StatusHealthy || s.Reason != "not checked yet" {
			t.Errorf("got %+v", s)
		}
	}
}

func TestStatsAfterCalls(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
	})
	p := newPool(t, Config{}, s.URL)
	for range 3 {
		send(t, p, request(t, "GET", "/", nil))
	}
	send(t, p, request(t, "GET", "/bad", nil))
	st := p.Stats()
	a := st.Servers["a"]
	if st.Requests != 4 || st.SuccessPercent != 75 || a.ErrorPercent != 25 || st.Distribution["a"] != 4 || a.Failed != 1 {
		t.Errorf("got %+v", st)
	}
	if st.MeanResponseSeconds <= 0 || a.P50Seconds <= 0 || a.P99Seconds < a.P50Seconds {
		t.Errorf("got %+v, want response times", st)
	}
	if want := 0.3*a.MeanResponseSeconds + 0.2*0.25; math.Abs(a.LoadScore-want) > 1e-9 {
		t.Errorf("load score %v, want %v", a.LoadScore, want)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	var h history
	values := make([]float64, 0, 5000)
	for range 5000 {
		ns := int64(math.Exp(rand.NormFloat64()*2+14)) + 1000
		values = append(values, float64(ns)/1e9)
		h.record(int64(5*time.Second), ns, false)
	}
	slices.Sort(values)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := values[int(math.Ceil(q*5000))-1]
		if got := h.quantile(q); math.Abs(got-want) > 0.07*want+1e-6 {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if got := h.rate(int64(6 * time.Second)); math.Abs(got-5000.0/6) > 1 {
		t.Errorf("rate in second 6: %v, want 5000/6", got)
	}
	if got := h.rate(int64(15 * time.Second)); got != 500 {
		t.Errorf("rate in second 15: %v, want 500", got)
	}
	if got := h.rate(int64(16 * time.Second)); got != 0 {
		t.Errorf("rate in second 16: %v, want 0", got)
	}
	late := int64(10 * time.Minute)
	if got := h.recent(late); got.ended != 5000 || h.quantile(0.5) != 0 {
		t.Errorf("after a silence: %+v, median %v; want all time, and no median", got, h.quantile(0.5))
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	p := newPool(t, Config{}, backend(t, says("x")).URL)
	send(t, p, request(t, "GET", "/", nil))
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(p)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
		if f.GetName() == "upshift_balancer_requests_total" {
			if m := f.GetMetric()[0]; m.GetCounter().GetValue() != 1 || m.GetLabel()[0].GetValue() != "a" {
				t.Errorf("got %v", m)
			}
		}
	}
	if got := strings.Join(names, " "); len(names) != 17 || !strings.Contains(got, "upshift_balancer_response_seconds") {
		t.Errorf("got %d families: %s", len(names), got)
	}
}
