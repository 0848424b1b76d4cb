package advisor

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/metrics"
)

// answers is a pool of one server that answers with a status.
type answers int

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{
		StatusCode: int(a), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("{}")), ContentLength: 2, Request: r,
	}, nil
}

// The overview, the alerts and the machine's readings rest on metrics by name. They are
// the names that the gateway and the collector really use: whoever renames one learns of it
// here, not from an alert that never fires.
func TestSignalsReachOverviewAndAlerts(t *testing.T) {
	t.Parallel()
	for name, pool := range map[string]answers{"fine": 200, "failing": 503, "unreachable": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := gateway.New(gateway.Config{}, gateway.Parts{Pool: pool})
			if err != nil {
				t.Fatal(err)
			}
			store, err := metrics.Open(t.TempDir(), metrics.Config{CollectionInterval: 10 * time.Second}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			engine, err := alert.New(alert.Config{}, alert.Thresholds{}, store, nil)
			if err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(g, metrics.NewSystemCollectorFor(t.TempDir()), store, engine)
			at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			for range 13 {
				at = at.Add(10 * time.Second)
				for range 10 {
					w := httptest.NewRecorder()
					g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
					if (w.Code == 200) != (pool == 200) || w.Code/100 == 4 {
						t.Fatalf("the gateway answers %d %s", w.Code, w.Body)
					}
				}
				families, err := registry.Gather()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := store.Append(t.Context(), at, families); err != nil {
					t.Fatal(err)
				}
				if _, err := engine.Evaluate(t.Context(), at); err != nil {
					t.Fatal(err)
				}
			}
			wantErrors, wantState := 0.0, alert.StatusInactive
			if pool != 200 {
				wantErrors, wantState = 100, alert.StatusFiring
			}
			for _, r := range engine.Rules() {
				switch {
				case r.NoData && r.Name != alert.RuleCPUUsage: // that needs two ticks of the machine's clock
					t.Errorf("%s has no data: %s", r.Name, r.Expr)
				case r.Name == alert.RuleErrorRate && (r.Value != wantErrors || r.State != wantState):
					t.Errorf("error rate %v, %s; want %v, %s", r.Value, r.State, wantErrors, wantState)
				}
			}
			points, err := store.Seed(t.Context(), at, at, time.Second)
			if err != nil || len(points) != 1 {
				t.Fatalf("%v, %v", points, err)
			}
			p := points[0]
			if math.Abs(p.RequestsPerSecond-1) > 0.01 || p.ErrorRatePercent != wantErrors || p.MemoryUsagePercent <= 0 || p.ResponseTimeMS <= 0 {
				t.Errorf("overview: %+v", p)
			}
		})
	}
}
