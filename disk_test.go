package upshift_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sentientcore/upshift"
)

// What the gateway has fetched it has again after a restart.
func TestTheGatewayIsWarmAfterARestart(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = w.Write([]byte("page")) // a failed write shows at the client
	}))
	t.Cleanup(origin.Close)
	cfg := testConfig(t, origin.URL)
	cfg.Cache.Disk.Path = "cache"
	for life := range 3 {
		m := start(t, cfg, upshift.Collaborators{})
		await(t, "the directory", func() bool { return m.Cache.Stats().Disk.Open })
		if body := page(t, m.GatewayAddr()); body != "page" {
			t.Errorf("life %d: %q", life, body)
		}
		if p := cachePart(t, m); p.State != "running" {
			t.Errorf("life %d: %+v", life, p)
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the backend was asked %d times, want once", n)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "cache", "head")); err != nil {
		t.Error(err)
	}
}

// page asks a gateway for the page of a host of its own: the port differs in each life.
func page(t *testing.T, addr string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "pages.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it is read by then
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A directory that cannot be used shows in the status and fails nothing.
func TestDiskThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, backend(t, "answer"))
	cfg.Cache.Disk.Path = filepath.Join(cfg.DataDir, "file")
	if err := os.WriteFile(cfg.Cache.Disk.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := start(t, cfg, upshift.Collaborators{})
	await(t, "the degraded part", func() bool {
		p := cachePart(t, m)
		return p.State == "degraded" && strings.HasPrefix(p.LastError, "cache.disk.path: ")
	})
	if status, body := get(t, "http://"+m.GatewayAddr()+"/x"); status != http.StatusOK || body != "answer" {
		t.Errorf("got %d %q", status, body)
	}
	if _, exposition := get(t, "http://"+m.APIAddr()+"/metrics"); !strings.Contains(exposition, "\nupshift_cache_disk_open 0\n") {
		t.Error("the metrics do not show that it is not open")
	}
}

func TestDiskThatCannotBe(t *testing.T) {
	t.Parallel()
	good := testConfig(t)
	good.Cache.Disk.Path = "cache"
	m, err := upshift.New(good, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.Cache.Disk.MaxBytes = 1000
	if _, err := upshift.New(bad, upshift.Collaborators{}); err == nil || !strings.Contains(err.Error(), "cache.disk.max_bytes") {
		t.Errorf("got %v", err)
	}
	bad = good
	bad.Cache.RedisURL = "redis://127.0.0.1:1"
	_, err = upshift.New(bad, upshift.Collaborators{})
	if err == nil || !strings.Contains(err.Error(), "cache.disk.path") || !strings.Contains(err.Error(), "cache.redis_url") {
		t.Errorf("beside Redis: %v", err)
	}
	bad = good
	bad.Cache.Disk.Path = "other"
	if err := m.Apply(bad); err == nil || !strings.Contains(err.Error(), "cache.disk.path") {
		t.Errorf("another directory while running: %v", err)
	}
}
