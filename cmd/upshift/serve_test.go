package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is an upshift serve in a process of its own.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr *bufio.Scanner
}

// startServe starts upshift serve with a configuration file.
func startServe(t *testing.T, file string, args ...string) *server {
	t.Helper()
	args = append([]string{"serve", "--config", file, "--data-dir", filepath.Join(t.TempDir(), "d")}, args...)
	s := &server{t: t, cmd: exec.CommandContext(t.Context(), "upshift", args...)}
	s.cmd.Env = append(os.Environ(), "PERFORMANCE_GATEWAY_LISTEN=127.0.0.1:0", "PERFORMANCE_API_LISTEN=127.0.0.1:0")
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdout, s.stderr = bufio.NewScanner(out), bufio.NewScanner(log)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// expect reads lines until one contains text, and returns it.
func (s *server) expect(lines *bufio.Scanner, text string) string {
	s.t.Helper()
	var seen []string
	for lines.Scan() {
		if seen = append(seen, lines.Text()); strings.Contains(lines.Text(), text) {
			return lines.Text()
		}
	}
	s.t.Fatalf("the server ended without a line with %q:\n%s", text, strings.Join(seen, "\n"))
	return ""
}

func (s *server) signal(which os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(which); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) exitCode() int {
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0
}

func TestHangupReloadsAllOrNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "upshift.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cache:\n  max_size: 200\n")
	s := startServe(t, file)
	s.expect(s.stdout, "dashboard")

	write("cache:\n  max_size: many\n")
	s.signal(syscall.SIGHUP)
	line := s.expect(s.stderr, "not reloaded")
	if !strings.Contains(line, "upshift.yaml:2: cache.max_size") {
		t.Errorf("the refusal does not name the place: %s", line)
	}
	write("cache:\n  max_size: 300\n")
	s.signal(syscall.SIGHUP)
	s.expect(s.stderr, "configuration reloaded")

	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != exitFine {
		t.Errorf("it ended with %d", code)
	}
}

// hangingBackend answers health checks, and nothing else before release is closed.
func hangingBackend(t *testing.T) (address string, arrived <-chan struct{}, release chan<- struct{}) {
	t.Helper()
	came, gate := make(chan struct{}, 8), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		came <- struct{}{}
		select {
		case <-gate:
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte("late but whole"))
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL, came, gate
}

// callGateway sends a request and delivers the body of its answer, or "" when it was cut.
func callGateway(t *testing.T, s *server) <-chan string {
	t.Helper()
	line := s.expect(s.stdout, "gateway")
	_, base, _ := strings.Cut(line, "http://")
	conn, err := net.Dial("tcp", base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(conn) // what came before the connection was cut counts
		answer <- all.String()
	}()
	return answer
}

func TestTerminateLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	backend, arrived, release := hangingBackend(t)
	s := startServe(t, os.DevNull, "--set", "load_balancer.servers=a="+backend)
	answer := callGateway(t, s)
	<-arrived
	s.signal(syscall.SIGTERM)
	s.expect(s.stderr, `"msg":"draining"`)
	close(release)
	if got := <-answer; !strings.Contains(got, "200 OK") || !strings.Contains(got, "late but whole") {
		t.Errorf("the request in flight got %q", got)
	}
	if code := s.exitCode(); code != exitFine {
		t.Errorf("it ended with %d", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	backend, arrived, _ := hangingBackend(t)
	s := startServe(t, os.DevNull, "--set", "load_balancer.servers=a="+backend)
	answer := callGateway(t, s)
	<-arrived
	s.signal(syscall.SIGTERM)
	s.expect(s.stderr, `"msg":"draining"`)
	time.Sleep(2 * sameSignal) // not a wait for something: the time between two key presses
	began := time.Now()
	s.signal(syscall.SIGTERM)
	s.expect(s.stderr, "upshift: stopped at once")
	if code := s.exitCode(); code != exitFault {
		t.Errorf("it ended with %d, want %d", code, exitFault)
	}
	<-answer
	t.Logf("ended %v after the second signal", time.Since(began))
}
