package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/metrics"
)

// rig is a store, an engine over it, and instruments under the names that the parts use.
type rig struct {
	t        *testing.T
	store    *metrics.Store
	engine   *alert.Engine
	registry *prometheus.Registry
	cpu, mem prometheus.Gauge
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	now      time.Time
}

const interval = 10 * time.Second

func newRig(t *testing.T, cfg alert.Config, limits alert.Thresholds) *rig {
	t.Helper()
	store, err := metrics.Open(t.TempDir(), metrics.Config{CollectionInterval: interval}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	engine, err := alert.New(cfg, limits, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, store: store, engine: engine, registry: prometheus.NewRegistry(),
		cpu: prometheus.NewGauge(prometheus.GaugeOpts{Name: "upshift_system_cpu_usage_ratio"}),
		mem: prometheus.NewGauge(prometheus.GaugeOpts{Name: "upshift_system_memory_usage_ratio"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "upshift_gateway_requests_total"},
			[]string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "upshift_gateway_request_duration_seconds"},
			[]string{"route"}),
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	r.registry.MustRegister(r.cpu, r.mem, r.requests, r.duration)
	return r
}

// serve adds requests of one second code class and time each.
func (r *rig) serve(n int, code string, took time.Duration) {
	for range n {
		r.requests.WithLabelValues("chat", code).Inc()
		r.duration.WithLabelValues("chat").Observe(took.Seconds())
	}
}

// beat gathers, stores and evaluates once, as the heartbeat does, and says what changed.
func (r *rig) beat() []alert.Transition {
	r.t.Helper()
	r.now = r.now.Add(interval)
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.Append(r.t.Context(), r.now, families); err != nil {
		r.t.Fatal(err)
	}
	changes, err := r.engine.Evaluate(r.t.Context(), r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	return changes
}

// beats runs for a time, each beat preceded by before, and lists the changes.
func (r *rig) beats(d time.Duration, before func()) (changes []string) {
	r.t.Helper()
	for range int(d / interval) {
		before()
		for _, c := range r.beat() {
			changes = append(changes, c.Rule+" "+c.Status)
		}
	}
	return changes
}

func (r *rig) rule(name string) alert.Rule {
	r.t.Helper()
	for _, rule := range r.engine.Rules() {
		if rule.Name == name {
			return rule
		}
	}
	r.t.Fatalf("no rule %s", name)
	return alert.Rule{}
}

func TestEachThreshold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule      string
		bad, good func(r *rig)
		value     float64
	}{
		{
			alert.RuleCPUUsage,
			func(r *rig) { r.cpu.Set(0.95) }, func(r *rig) { r.cpu.Set(0.5) }, 95,
		},
		{
			alert.RuleMemoryUsage,
			func(r *rig) { r.mem.Set(0.9) }, func(r *rig) { r.mem.Set(0.3) }, 90,
		},
		{
			alert.RuleResponseTime,
			func(r *rig) { r.serve(20, "2xx", 3*time.Second) }, func(r *rig) { r.serve(100, "2xx", 20*time.Millisecond) }, 3,
		},
		{
			alert.RuleErrorRate,
			func(r *rig) { r.serve(8, "2xx", 0); r.serve(2, "5xx", 0) }, func(r *rig) { r.serve(100, "2xx", 0) }, 20,
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, alert.Config{}, alert.Thresholds{})
			r.serve(1, "5xx", 0)
			if got := r.beats(5*time.Minute, func() { tt.good(r) }); len(got) > 0 {
				t.Fatalf("while all was well: %v", got)
			}
			got := r.beats(6*time.Minute, func() { tt.bad(r) })
			if want := []string{tt.rule + " pending", tt.rule + " firing"}; !cmp.Equal(got, want) {
				t.Fatalf("while it was bad: %v, want %v", got, want)
			}
			active := r.engine.Active()
			if len(active) != 1 || active[0].Rule != tt.rule || math.Abs(active[0].Value-tt.value) > 0.01*tt.value ||
				len(active[0].Evidence) < 2 || active[0].Action == "" || active[0].Summary == "" || active[0].Unit == "" {
				t.Fatalf("active: %+v, want one of value %v", active, tt.value)
			}
			if got, want := r.beats(6*time.Minute, func() { tt.good(r) }), []string{tt.rule + " resolved"}; !cmp.Equal(got, want) {
				t.Errorf("when it was well again: %v, want %v", got, want)
			}
			if got := r.engine.Active(); got == nil || len(got) != 0 {
				t.Errorf("active at the end: %#v, want an empty list", got)
			}
		})
	}
}

// A service that begins with errors, so that all its series begin with them.
func TestErrorRateWithoutAnySuccess(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	got := r.beats(3*time.Minute, func() { r.serve(10, "5xx", 0) })
	if want := []string{"error_rate pending", "error_rate firing"}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Without one 5xx there is no series of them: that is a rate of zero, not no data.
func TestErrorRateWithoutAnyError(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	r.beats(2*time.Minute, func() { r.serve(10, "2xx", 0) })
	if rule := r.rule(alert.RuleErrorRate); rule.NoData || rule.Value != 0 {
		t.Errorf("%+v", rule)
	}
}

// Three failures of four requests are no evidence of anything.
func TestFewRequestsAreNoData(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	n := 0
	few := func() {
		if n++; n%3 == 0 {
			r.serve(1, "5xx", 10*time.Second)
		}
	}
	if got := r.beats(10*time.Minute, few); len(got) > 0 {
		t.Errorf("changes %v", got)
	}
	if rule := r.rule(alert.RuleErrorRate); !rule.NoData || rule.MinRequests != 20 {
		t.Errorf("%+v", rule)
	}
	// The number is a setting.
	if err := r.engine.Apply(alert.Config{MinRequests: 1}, alert.Thresholds{}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(r.beats(5*time.Minute, few), ",")
	if want := "response_time pending,error_rate pending,response_time firing,error_rate firing"; got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
}

// When traffic stops because all is broken, the alert stays.
func TestSilenceDoesNotResolve(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	r.beats(5*time.Minute, func() { r.serve(10, "5xx", 0) })
	if got := r.beats(30*time.Minute, func() {}); len(got) > 0 {
		t.Errorf("changes in silence: %v", got)
	}
	active := r.engine.Active()
	if len(active) != 1 || active[0].Status != alert.StatusFiring || !active[0].NoData || active[0].Value != 100 ||
		!strings.Contains(strings.Join(active[0].Evidence, "\n"), "no data") {
		t.Errorf("active %+v", active)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{For: time.Second, KeepFiring: 30 * time.Second}, alert.Thresholds{CPUUsagePercent: 50})
	busy := func() { r.cpu.Set(0.6) }
	if got := strings.Join(r.beats(time.Minute, busy), ","); got != "cpu_usage pending,cpu_usage firing" {
		t.Fatalf("changes %q", got)
	}
	bad := alert.Config{WebhookURL: "ftp://x"}
	if err := r.engine.Apply(bad, alert.Thresholds{CPUUsagePercent: -1}); err == nil ||
		strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("Apply of two faults: %v", err)
	}
	if rule := r.rule(alert.RuleCPUUsage); rule.Threshold != 50 || rule.ResolveThreshold != 45 || rule.State != alert.StatusFiring {
		t.Errorf("a refused Apply changed the rule: %+v", rule)
	}
	if err := r.engine.Apply(alert.Config{KeepFiring: 30 * time.Second}, alert.Thresholds{CPUUsagePercent: 90}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.beats(time.Minute, busy), ","); got != "cpu_usage resolved" {
		t.Errorf("after the threshold was raised: %q", got)
	}
	if rule := r.rule(alert.RuleCPUUsage); rule.ForSeconds != 60 || rule.State != alert.StatusInactive {
		t.Errorf("rule %+v", rule)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	var names []string
	for _, rule := range r.engine.Rules() {
		names = append(names, rule.Name)
		if !rule.NoData || rule.State != alert.StatusInactive || !rule.EvaluatedAt.IsZero() {
			t.Errorf("before the first evaluation: %+v", rule)
		}
		if rule.Description == "" || rule.Action == "" || rule.WindowSeconds != 60 || rule.ForSeconds != 60 || rule.KeepFiringSeconds != 120 {
			t.Errorf("rule %+v", rule)
		}
		if _, err := r.store.Query(t.Context(), rule.Expr, r.now); err != nil {
			t.Errorf("%s: %v", rule.Expr, err)
		}
	}
	if want := []string{"response_time", "cpu_usage", "memory_usage", "error_rate"}; !cmp.Equal(names, want) {
		t.Errorf("rules %v, want %v", names, want)
	}
	r.cpu.Set(0.4)
	r.beat()
	if rule := r.rule(alert.RuleCPUUsage); rule.NoData || math.Abs(rule.Value-40) > 1e-9 || !rule.EvaluatedAt.Equal(r.now) {
		t.Errorf("rule %+v", rule)
	}
	if err := r.store.Apply(metrics.Config{CollectionInterval: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if rule := r.rule(alert.RuleCPUUsage); rule.WindowSeconds != 240 || !strings.Contains(rule.Expr, "[4m0s]") {
		t.Errorf("the window does not follow the interval: %+v", rule)
	}
}

func TestFailedQueryKeepsTheState(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	r.beats(3*time.Minute, func() { r.cpu.Set(0.99) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 30 {
		changes, err := r.engine.Evaluate(ctx, r.now.Add(time.Duration(i)*interval))
		if err == nil || !strings.Contains(err.Error(), "rule cpu_usage: ") || changes == nil || len(changes) != 0 {
			t.Fatalf("%v, %v", changes, err)
		}
	}
	if rule := r.rule(alert.RuleCPUUsage); rule.State != alert.StatusFiring || rule.LastError == "" {
		t.Errorf("rule %+v", rule)
	}
	if st := r.engine.Stats(); st.Errors != 4*30 || st.Firing != 1 || st.Pending != 0 {
		t.Errorf("stats %+v", st)
	}
}

// The whole way: samples, rule, transition, webhook, resolved.
func TestWebhookReceivesFiringAndResolved(t *testing.T) {
	t.Parallel()
	var (
		mu   sync.Mutex
		got  []map[string]any
		keys = map[string]bool{}
	)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fields)
		keys[req.Header.Get("Idempotency-Key")] = true
	}))
	defer server.Close()
	r := newRig(t, alert.Config{WebhookURL: server.URL, WebhookAllowPrivate: true}, alert.Thresholds{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.engine.Run(ctx) }()
	r.beats(3*time.Minute, func() { r.cpu.Set(0.95) })
	r.beats(6*time.Minute, func() { r.cpu.Set(0.1) })
	sent := func() uint64 { return r.engine.Stats().Notifier.Sent }
	for deadline := time.Now().Add(30 * time.Second); sent() < 2 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || got[0]["status"] != "firing" || got[1]["status"] != "resolved" || got[0]["id"] != got[1]["id"] || len(keys) != 2 {
		t.Fatalf("received %v with keys %v", got, keys)
	}
	for _, fields := range got {
		for _, name := range []string{"status", "rule", "value", "threshold", "since", "summary", "action"} {
			if fields[name] == nil || fields[name] == "" {
				t.Errorf("%s: %q is missing", fields["status"], name)
			}
		}
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(fields["since"])); err != nil {
			t.Errorf("since: %v", err)
		}
	}
	if st := r.engine.Stats(); st.Notifier.Sent != 2 || !st.Notifier.Enabled {
		t.Errorf("stats %+v", st)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	engine, err := alert.New(alert.Config{}, alert.Thresholds{}, r.store, slog.New(slog.NewJSONHandler(&text, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r.engine = engine
	r.beats(3*time.Minute, func() { r.cpu.Set(0.95) })
	r.beats(6*time.Minute, func() { r.cpu.Set(0.1) })
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("log: %s", text.String())
	}
	for i, status := range []string{"firing", "resolved"} {
		var fields map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["level"] != "WARN" || fields["msg"] != "alert: "+status || fields["rule"] != "cpu_usage" || fields["summary"] == "" {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	r.registry.MustRegister(r.engine)
	r.beats(3*time.Minute, func() { r.cpu.Set(0.95) })
	want := `# HELP upshift_alert_state 1 for the state that the rule is in.
# TYPE upshift_alert_state gauge
upshift_alert_state{rule="cpu_usage",state="firing"} 1
upshift_alert_state{rule="cpu_usage",state="inactive"} 0
upshift_alert_state{rule="cpu_usage",state="pending"} 0
upshift_alert_state{rule="error_rate",state="firing"} 0
upshift_alert_state{rule="error_rate",state="inactive"} 1
upshift_alert_state{rule="error_rate",state="pending"} 0
upshift_alert_state{rule="memory_usage",state="firing"} 0
upshift_alert_state{rule="memory_usage",state="inactive"} 1
upshift_alert_state{rule="memory_usage",state="pending"} 0
upshift_alert_state{rule="response_time",state="firing"} 0
upshift_alert_state{rule="response_time",state="inactive"} 1
upshift_alert_state{rule="response_time",state="pending"} 0
# HELP upshift_alert_evaluations_total Rounds over all rules.
# TYPE upshift_alert_evaluations_total counter
upshift_alert_evaluations_total 18
# HELP upshift_alert_threshold Threshold of the rule, in its unit.
# TYPE upshift_alert_threshold gauge
upshift_alert_threshold{rule="cpu_usage",unit="%"} 80
upshift_alert_threshold{rule="error_rate",unit="%"} 5
upshift_alert_threshold{rule="memory_usage",unit="%"} 85
upshift_alert_threshold{rule="response_time",unit="s"} 1
# HELP upshift_alert_value Value of the rule, in its unit; missing without data.
# TYPE upshift_alert_value gauge
upshift_alert_value{rule="cpu_usage",unit="%"} 95
upshift_alert_value{rule="memory_usage",unit="%"} 0
`
	if err := testutil.CollectAndCompare(r.engine, strings.NewReader(want),
		"upshift_alert_state", "upshift_alert_evaluations_total", "upshift_alert_threshold", "upshift_alert_value"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(r.engine); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	// It is stored as well: the state of an alert can be charted.
	result, err := r.store.Query(t.Context(), `upshift_alert_transitions_total{rule="cpu_usage",to="firing"}`, r.now)
	if err != nil || len(result.Samples()) != 1 || result.Samples()[0].Value != 1 {
		t.Errorf("%v %v", result.Samples(), err)
	}
}

func TestNewNeedsAStore(t *testing.T) {
	t.Parallel()
	if _, err := alert.New(alert.Config{}, alert.Thresholds{}, nil, nil); err == nil {
		t.Error("New took no store")
	}
	if _, err := alert.New(alert.Config{MinRequests: -1}, alert.Thresholds{CPUUsagePercent: 200}, nil, nil); err == nil ||
		!strings.Contains(err.Error(), "alerts.min_requests") || !strings.Contains(err.Error(), "thresholds.cpu_usage") {
		t.Errorf("faults: %v", err)
	}
}

// Reading and evaluating at the same time: for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, alert.Config{}, alert.Thresholds{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.engine.Rules()
				r.engine.Active()
				r.engine.Stats()
				if err := r.engine.Apply(alert.Config{}, alert.Thresholds{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	r.beats(3*time.Minute, func() { r.cpu.Set(0.99) })
	close(stop)
	wg.Wait()
	if got := r.engine.Active(); len(got) != 1 {
		t.Errorf("active %+v", got)
	}
}
