package advise

import (
	"context"
	"testing"
	"time"

	"github.com/sentientcore/upshift/postgres"
)

// An advisor takes the workload that the server counted and gives what it finds to the monitor.
func TestAdvisor(t *testing.T) {
	t.Parallel()
	conn := database(t, append([]string{"CREATE EXTENSION pg_stat_statements"}, library...)...)
	for range 50 {
		if _, err := conn.Exec(t.Context(), "SELECT title FROM books WHERE shelf = 77"); err != nil {
			t.Fatal(err)
		}
	}
	m, err := postgres.New(postgres.Config{URL: conn.Config().ConnString(), PollInterval: 100 * time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ok, _, _ := m.State(); !ok; ok, _, _ = m.State() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("not connected")
		}
	}
	a, err := New(m, Config{Engine: EngineStructural, BudgetBytes: 20 << 20, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	advice, err := a.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := recommended(advice, "shelf"); !ok || len(a.Last().Recommendations) == 0 {
		t.Errorf("no index on books(shelf): %+v", advice)
	}
	if s := m.Stats(); s.IndexRecommendations != len(advice.Recommendations) || len(s.Recommended) == 0 || len(m.Recommendations()) != s.IndexRecommendations {
		t.Errorf("the monitor knows %d of %d", s.IndexRecommendations, len(advice.Recommendations))
	}
}
