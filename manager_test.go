package upshift_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/balancer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "a-token-for-this-test-alone"

// testConfig is the default on free ports, with a data directory of the test's own and
// the backends as servers.
func testConfig(tb testing.TB, backends ...string) upshift.Config {
	tb.Helper()
	cfg := upshift.DefaultConfig()
	cfg.DataDir = tb.TempDir()
	cfg.Gateway.Listen, cfg.API.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.API.Token = testToken
	cfg.LoadBalancer.HealthCheckPath = balancer.NoHealthCheck
	for i, url := range backends {
		cfg.LoadBalancer.Servers = append(cfg.LoadBalancer.Servers,
			balancer.ServerConfig{ID: string(rune('a' + i)), URL: url})
	}
	return cfg
}

// start runs a Manager until the test ends.
func start(tb testing.TB, cfg upshift.Config, collab upshift.Collaborators) *upshift.Manager {
	tb.Helper()
	m, err := upshift.New(cfg, collab)
	if err != nil {
		tb.Fatal(err)
	}
	if err := m.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			tb.Error("shut down:", err)
		}
	})
	return m
}

func backend(tb testing.TB, body string) string {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
	tb.Cleanup(s.Close)
	return s.URL
}

// get asks without keeping the connection.
func get(tb testing.TB, url string) (status int, body string) {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestAnswersOnBothDoors(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t, backend(t, "from the backend")), upshift.Collaborators{})
	if status, body := get(t, "http://"+m.GatewayAddr()+"/x"); status != http.StatusOK || body != "from the backend" {
		t.Errorf("gateway: got %d %q", status, body)
	}
	if err := m.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	client, err := api.NewClient("http://"+m.APIAddr(), testToken)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, p := range s.Parts {
		names = append(names, p.Name)
		if p.State != "running" {
			t.Errorf("part %s is %s: %s", p.Name, p.State, p.LastError)
		}
	}
	want := []string{
		"state", "metrics", "memory", "cache", "load_balancer", "captures", "causes", "traces", "alerts", "api", "heartbeat", "memory_loop",
		"cache_loop", "api_listener", "local_listener", "gateway",
	}
	if !slices.Equal(names, want) {
		t.Errorf("parts in floor order: got %v, want %v", names, want)
	}
	loops := map[string]float64{}
	for _, l := range s.Loops {
		loops[l.Name] = l.EverySeconds
		if l.NextRun.Before(time.Now()) {
			t.Errorf("loop %s has no next round", l.Name)
		}
	}
	if loops["memory_loop"] != 300 || loops["cache_loop"] != 600 {
		t.Errorf("loops: got %v, want memory 300 s and cache 600 s", loops)
	}
	if !s.MonitoringActive || s.HealthScore <= 0 {
		t.Errorf("got %+v, want monitoring active and a score", s)
	}
}

func TestTheLocalDoorNeedsNoToken(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	start(t, cfg, upshift.Collaborators{})
	client, err := api.NewClient(filepath.Join(cfg.DataDir, "api.sock"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Status(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(cfg.DataDir, "api.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: mode %v, err %v; want 0600", info.Mode(), err)
	}
}

func TestNewStartsNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(cfg.DataDir); err != nil || len(left) > 0 {
		t.Errorf("New made %v (%v), want no file", left, err)
	}
	if err := m.Ready(); err == nil {
		t.Error("ready before Start")
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown without start: %v", err)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Cache.DefaultTTL, cfg.LoadBalancer.Strategy, cfg.Metrics.RetentionDays = -time.Second, "fastest", -1
	_, err := upshift.New(cfg, upshift.Collaborators{})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"cache.default_ttl", "load_balancer.strategy", "metrics.retention_days"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not name %s", err, want)
		}
	}
}

// A part that cannot start names itself, and everything already started is stopped.
func TestFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := testConfig(t)
	cfg.Gateway.Listen, cfg.API.Token = taken.Addr().String(), ""
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "start gateway: gateway.listen") || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("got %v, want the gateway named, its key and the remedy", err)
	}
	if _, err := net.Dial("tcp", m.APIAddr()); err == nil {
		t.Error("the admin plane still listens")
	}

	// The state file is free again, and the login link was not used up.
	cfg.Gateway.Listen = "127.0.0.1:0"
	second, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second.LoginURL() == "" {
		t.Error("the first start that succeeds has no login link")
	}
	if err := second.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third := start(t, cfg, upshift.Collaborators{}); third.LoginURL() != "" {
		t.Error("a later start has a login link again")
	}
}

func TestDataDirFaultsNameTheRemedy(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	file := filepath.Join(cfg.DataDir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = filepath.Join(file, "below")
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "data_dir: ") {
		t.Errorf("got %v, want data_dir named", err)
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	start(t, cfg, upshift.Collaborators{})
	second, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "in use by another upshift") {
		t.Errorf("got %v, want it refused", err)
	}
}

// Many cycles in one data directory leave no goroutine (TestMain), file or socket open.
func TestManyCyclesLeakNothing(t *testing.T) {
	cfg := testConfig(t, backend(t, "ok"))
	cycle := func() {
		m, err := upshift.New(cfg, upshift.Collaborators{})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, _ := get(t, "http://"+m.GatewayAddr()+"/"); status != http.StatusOK {
			t.Fatalf("gateway answered %d", status)
		}
		if err := m.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cycle() // what stays open once, such as the resolver's files
	before := openFiles(t)
	for range 100 {
		cycle()
	}
	if after := openFiles(t); after > before+2 {
		t.Errorf("open files: %d before, %d after 100 cycles", before, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system shows no open files: ", err)
	}
	return len(entries)
}

func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, backend(t, "first"))
	next := cfg
	var loadErr error
	m := start(t, cfg, upshift.Collaborators{
		Logger: slog.New(slog.DiscardHandler),
		Load: func() (upshift.Config, []api.Setting, error) {
			return next, []api.Setting{{Key: "x", Value: "y", Origin: "test"}}, loadErr
		},
	})

	loadErr = errors.New("upshift.yaml:3: unknown key")
	if err := m.Reload(t.Context()); !errors.Is(err, loadErr) {
		t.Errorf("faulty file: got %v", err)
	}
	loadErr = nil

	next.Cache.DefaultTTL, next.Gateway.Listen, next.Memory.GCThreshold = time.Minute, "127.0.0.1:1", 0.5
	err := m.Reload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "gateway.listen: cannot change while running") {
		t.Errorf("got %v, want gateway.listen refused", err)
	}
	next.Metrics.RetentionDays, next.API.MaxStreams, next.API.Token = 3, 5, "another-token-for-this-test"
	err = m.Reload(t.Context())
	for _, key := range []string{"gateway.listen", "metrics.retention_days", "api.max_streams"} {
		if err == nil || !strings.Contains(err.Error(), key+": cannot change while running") {
			t.Errorf("got %v, want %s refused", err, key)
		}
	}
	next.Metrics, next.API = cfg.Metrics, cfg.API
	next.API.Token = "another-token-for-this-test"
	if err := m.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "api: cannot change while running") {
		t.Errorf("got %v, want the token refused", err)
	}
	next.API = cfg.API
	if now := m.Config(); now.Cache.DefaultTTL != cfg.Cache.DefaultTTL || now.Memory.GCThreshold != cfg.Memory.GCThreshold {
		t.Error("a refused reload changed something")
	}

	next.Gateway.Listen = cfg.Gateway.Listen
	m.Profiler.SetEnabled(false)
	next.LoadBalancer.Servers = []balancer.ServerConfig{{ID: "b", URL: backend(t, "second")}}
	next.Metrics.CollectionInterval = 5 * time.Second
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, "http://"+m.GatewayAddr()+"/"); body != "second" {
		t.Errorf("after the reload: got %q, want the new server", body)
	}
	if got := m.Settings(); len(got) != 1 || got[0].Origin != "test" {
		t.Errorf("settings: got %v", got)
	}
	if m.Profiler.Enabled() {
		t.Error("a reload that says nothing of the profiler switched it on")
	}
	if got := m.Metrics.Config().CollectionInterval; got != 5*time.Second {
		t.Errorf("the store works with collections every %v", got)
	}
	if m.Config().Cache.DefaultTTL != time.Minute {
		t.Error("cache.default_ttl was not put in force")
	}
}

func TestReloadWithoutALoader(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t), upshift.Collaborators{})
	if err := m.Reload(t.Context()); !errors.Is(err, upshift.ErrNoReload) {
		t.Errorf("got %v, want ErrNoReload", err)
	}
}

func TestAnUnreachableDatabaseDegradesItsPartOnly(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cfg := testConfig(t, backend(t, "ok"))
	cfg.Database.URL = "postgres://someone:secret-word@" + closed.Addr().String() + "/x"
	m := start(t, cfg, upshift.Collaborators{})
	if status, _ := get(t, "http://"+m.GatewayAddr()+"/"); status != http.StatusOK {
		t.Errorf("gateway answered %d", status)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		s := m.Status()
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "secret-word") {
			t.Fatal("the status shows the password")
		}
		i := slices.IndexFunc(s.Parts, func(p advisor.Part) bool { return p.Name == "database" })
		if p := s.Parts[i]; p.State == "degraded" && p.LastError != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("database part: got %+v, want degraded with its error", s.Parts[i])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A section that says nothing means its defaults: above all, loopback.
func TestEmptySectionsMeanTheDefaults(t *testing.T) {
	t.Parallel()
	cfg := upshift.Config{DataDir: t.TempDir()}
	cfg.Metrics.Enabled = true
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cfg.WithDefaults(), m.Config()); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if err := m.Apply(cfg); err != nil {
		t.Errorf("the same configuration again: %v", err)
	}
}

func TestTheAdminPlaneCountsItself(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t), upshift.Collaborators{})
	if _, text := get(t, "http://"+m.APIAddr()+"/metrics"); !strings.Contains(text, "\nupshift_api_requests_total ") {
		t.Error("/metrics has no figures of the admin plane")
	}
}

// While clients that make a connection for each request keep coming, a shutdown loses none:
// each is answered or not let in.
func TestShutdownLosesNoConnection(t *testing.T) {
	t.Parallel()
	m, err := upshift.New(testConfig(t, backend(t, "ok")), upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	var answered, lost atomic.Int64
	for range 8 {
		clients.Go(func() {
			for dialOnce(t, m.GatewayAddr(), &answered, &lost) {
			}
		})
	}
	for answered.Load() < 200 {
		time.Sleep(time.Millisecond)
	}
	if err := m.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	clients.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d of %d requests lost", n, answered.Load()+n)
	}
}

// dialOnce makes a connection and one request. It returns false once it is not let in.
func dialOnce(t *testing.T, addr string, answered, lost *atomic.Int64) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Logf("lost: %v %q", err, answer)
		lost.Add(1)
		return true
	}
	answered.Add(1)
	return true
}
