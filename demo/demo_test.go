package demo

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/internal/pgtest"
)

// freePorts let several demos run side by side.
var freePorts = []string{"gateway.listen=127.0.0.1:0", "api.listen=127.0.0.1:0"}

// runDemo runs a demo and calls look while it runs; then it ends it.
func runDemo(t *testing.T, cfg Config, look func(*Demo, *upshift.Manager)) string {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cfg.Output, cfg.Sets = &out, append(cfg.Sets, freePorts...)
	ready := make(chan *upshift.Manager, 1)
	cfg.Ready = func(m *upshift.Manager) { ready <- m }
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	select {
	case m := <-ready:
		look(d, m)
	case err := <-ended:
		t.Fatalf("the demo ended by itself: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	if _, err := os.Stat(d.dataDir); cfg.DataDir == "" && !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", d.dataDir, err)
	}
	return out.String()
}

// eventually polls until ok, and fails the test when it does not become so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass: %s", what)
		}
	}
}

func flowing(t *testing.T, m *upshift.Manager) {
	t.Helper()
	eventually(t, "requests flow and the cache has hits", func() bool {
		s := m.Status()
		return s.Balancer.Requests > 50 && s.Cache.Hits > 5 && s.Balancer.HealthyServers == 2
	})
	eventually(t, "each agent works", func() bool {
		for _, name := range []string{"planner.ask", "embedder.embed", "retriever.search", "reranker.rank", "model.generate"} {
			if f, ok := m.Profiler.Function(name); !ok || f.Calls == 0 {
				return false
			}
		}
		return true
	})
}

func TestDemoWithoutPostgres(t *testing.T) {
	var requests uint64
	out := runDemo(t, Config{Rate: 100, NoPostgres: true, Live: true}, func(d *Demo, m *upshift.Manager) {
		flowing(t, m)
		requests = m.Status().Balancer.Requests
		if m.Postgres != nil {
			t.Error("there is a database part without a database")
		}
		if line := d.line(75 * time.Second); !strings.HasPrefix(line, "01:15 · ") || !strings.Contains(line, "% hits") {
			t.Errorf("line = %q", line)
		}
	})
	if requests == 0 {
		t.Error("no request was counted")
	}
	for _, want := range []string{"http://127.0.0.1:", "/#token=upshift_", "No Postgres: not wanted", "Ctrl-C"} {
		if !strings.Contains(out, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, out)
		}
	}
}

func TestDemoWithPostgres(t *testing.T) {
	probe, err := pgtest.StartCluster(t.Context(), "")
	if errors.Is(err, pgtest.ErrNoBinaries) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := probe.Stop(); err != nil {
		t.Fatal(err)
	}
	var address string
	out := runDemo(t, Config{Rate: 100}, func(d *Demo, m *upshift.Manager) {
		flowing(t, m)
		u, err := url.Parse(d.database.url())
		if err != nil {
			t.Fatal(err)
		}
		address = u.Host
		eventually(t, "the database is watched", func() bool { return m.Status().Database.Connected })
		var reads, chunks int
		eventually(t, "the retriever counts its reads", func() bool {
			err := d.database.pool.QueryRow(t.Context(), "SELECT sum(reads) FROM documents").Scan(&reads)
			return err == nil && reads > 0
		})
		if err := d.database.pool.QueryRow(t.Context(), "SELECT count(*) FROM chunks").Scan(&chunks); err != nil || chunks != 30000 {
			t.Errorf("%d chunks, %v; want 30000", chunks, err)
		}
		slowly(t, d)
		scans(t, d)
	})
	if strings.Contains(out, "No Postgres") || !strings.Contains(out, "no index on document_id") {
		t.Errorf("the explanation:\n%s", out)
	}
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = conn.Close()
		t.Error("Postgres still runs after the demo")
	}
}

// slowly checks the planted lock: an update of a read document waits for the curator.
func slowly(t *testing.T, d *Demo) {
	t.Helper()
	c := curator{database: d.database, gateway: d.gateway, profiler: d.manager.Profiler, logger: d.cfg.Logger}
	reviewed := make(chan error, 1)
	go func() {
		n, err := c.review(t.Context(), struct{}{})
		if err == nil && n != curated {
			t.Errorf("%d documents reviewed, want %d", n, curated)
		}
		reviewed <- err
	}()
	eventually(t, "the curator holds its rows while it waits", func() bool {
		var idle int
		err := d.database.pool.QueryRow(t.Context(),
			"SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%FOR UPDATE'").Scan(&idle)
		return err == nil && idle > 0
	})
	// The slow replica may be too slow for the curator's patience; the rows were locked all
	// the same.
	if err := <-reviewed; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("review: %v", err)
	}
}

// scans checks the planted missing index.
func scans(t *testing.T, d *Demo) {
	t.Helper()
	var n int
	err := d.database.pool.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_indexes WHERE tablename = 'chunks' AND indexdef LIKE '%(document_id%'").Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("%d indexes on document_id, %v; want none", n, err)
	}
	eventually(t, "the retriever scans chunks", func() bool {
		err := d.database.pool.QueryRow(t.Context(),
			"SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'chunks'").Scan(&n)
		return err == nil && n > 0
	})
}

func TestDemoEndsByItself(t *testing.T) {
	d, err := New(Config{NoPostgres: true, Duration: time.Millisecond, Sets: freePorts})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Run(t.Context()); err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestDemoKeepsADataDirThatWasGiven(t *testing.T) {
	dir := t.TempDir()
	runDemo(t, Config{NoPostgres: true, DataDir: dir}, func(*Demo, *upshift.Manager) {})
	if _, err := os.Stat(dir + "/state.db"); err != nil {
		t.Error(err)
	}
}

func TestDemoCleansUpWhenItCannotStart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d, err := New(Config{NoPostgres: true, Sets: []string{"gateway.listen=127.0.0.1:0", "api.listen=" + ln.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "api.listen") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Run = %v, want the address in use", err)
	}
	if _, err := os.Stat(d.dataDir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", d.dataDir, err)
	}
}

func TestDemoUsesFreePorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		t.Logf("8080 is in use already, which serves as well: %v", err)
	} else {
		defer ln.Close()
	}
	sets, taken, err := freeAddresses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(sets) == 0 || sets[0] != "gateway.listen=127.0.0.1:0" || taken[0] != "127.0.0.1:8080" {
		t.Errorf("sets %q, taken %q", sets, taken)
	}
}

func TestNewNamesFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"rate too high", Config{Rate: 2001}, "rate: must be between"},
		{"rate negative", Config{Rate: -1}, "rate: must be between"},
		{"duration negative", Config{Duration: -1}, "duration: must not be negative"},
		{"unknown key", Config{Sets: []string{"cache.maxsize=1"}}, "did you mean cache.max_size?"},
		{"bad value", Config{Sets: []string{"cache.max_size=-1"}}, "cache.max_size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New = %v, want %q", err, tc.want)
			}
		})
	}
}
