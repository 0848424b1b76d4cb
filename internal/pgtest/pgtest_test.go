package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/internal/pgtest"
)

// helperEnv makes this test program a process that starts a cluster and waits to be killed.
const helperEnv = "PGTEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		startAndWait(dir)
	}
	goleak.VerifyTestMain(m)
}

func startAndWait(dir string) {
	c, err := pgtest.StartCluster(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, c.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3) // never reached: stdin stays open until SIGKILL
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func TestClusterKeepsItsDataOverAKill(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	conn := connect(t, c.URL())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the server")
	}
	if again, err := pgx.Connect(t.Context(), c.URL()); err == nil {
		again.Close(t.Context())
		t.Error("the killed server answers")
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := connect(t, c.URL()).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("after the restart: %d, %v; want 7", n, err)
	}
	if c.HasStatements() {
		var seen int
		err := connect(t, c.URL()).QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_statements").Scan(&seen)
		if err != nil || seen == 0 {
			t.Errorf("pg_stat_statements: %d rows, %v", seen, err)
		}
	}
}

func TestClusterAsksForThePassword(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	if conn, err := pgx.Connect(t.Context(), c.URLFor("postgres", "guess", "postgres")); err == nil {
		conn.Close(t.Context())
		t.Error("any password opens the cluster")
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	c, err := pgtest.StartCluster(t.Context(), dir)
	if err != nil {
		unavailable(t, err)
	}
	if found := clusters(t, dir); len(found) != 1 {
		t.Errorf("running: %q, want one directory", found)
	}
	if err := errors.Join(c.Stop(), c.Stop()); err != nil {
		t.Error(err)
	}
	if found := clusters(t, dir); len(found) != 0 {
		t.Errorf("stopped: %q is left", found)
	}
	if err := c.Restart(t.Context()); err == nil {
		t.Error("a stopped cluster restarts")
	}
}

// TestKilledParent holds that the server ends with a parent that had no chance to stop it,
// and that the next start clears what is left.
func TestKilledParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this system has no parent-death signal")
	}
	dir := reachable(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		if strings.Contains(stderr.String(), pgtest.ErrNoBinaries.Error()) {
			unavailable(t, pgtest.ErrNoBinaries)
		}
		t.Fatal(err, stderr.String())
	}
	url = strings.TrimSpace(url)
	connect(t, url)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	awaitEnd(t, clusters(t, dir))
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("the server of a killed parent answers")
	}
	old := time.Now().Add(-time.Hour)
	for _, d := range clusters(t, dir) {
		if err := os.Chtimes(filepath.Join(d, "owner.lock"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	c, err := pgtest.StartCluster(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if found := clusters(t, dir); len(found) != 1 {
		t.Errorf("%q: want the directory of the killed one gone", found)
	}
}

// awaitEnd returns when the servers in the directories have ended: each removes its
// postmaster.pid last.
func awaitEnd(t *testing.T, dirs []string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for _, dir := range dirs {
		for {
			if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); errors.Is(err, os.ErrNotExist) {
				break
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("the server in %s outlived its parent", dir)
			}
		}
	}
}

func TestNoBinaries(t *testing.T) {
	t.Setenv(pgtest.BinEnv, t.TempDir())
	_, err := pgtest.StartCluster(t.Context(), "")
	if !errors.Is(err, pgtest.ErrNoBinaries) || !strings.Contains(err.Error(), "install") {
		t.Fatalf("got %v, want ErrNoBinaries with its remedy", err)
	}
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		var r recorder
		pgtest.Start(&r)
		if r.did != want {
			t.Errorf("CI=%q: %s, want %s", ci, r.did, want)
		}
	}
}

func TestSharedDatabases(t *testing.T) {
	t.Parallel()
	var s pgtest.Shared
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	first, second := s.Database(t), s.Database(t)
	if first == second {
		t.Fatal("two tests share a database")
	}
	if _, err := connect(t, first).Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
		t.Error(err)
	}
	if _, err := connect(t, second).Exec(t.Context(), "SELECT FROM mine"); err == nil {
		t.Error("one database shows the tables of the other")
	}
}

// recorder is a test that only notes how it would have ended.
type recorder struct{ did string }

func (*recorder) Helper()        {}
func (*recorder) Cleanup(func()) {}
func (r *recorder) Skip(...any)  { r.did = "skip" }
func (r *recorder) Fatal(...any) {
	if r.did == "" {
		r.did = "fatal"
	}
}

// reachable makes a directory that the server's user may enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest-test-") //nolint:usetesting // TempDir's parent is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func clusters(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "upshift-postgres-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func unavailable(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, pgtest.ErrNoBinaries) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}
