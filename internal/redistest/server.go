package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	startTimeout = 30 * time.Second
	readyPoll    = 10 * time.Millisecond
	callTimeout  = 5 * time.Second
	logName      = "server.log"
)

// ErrNoBinary is returned where no server is installed. Its text is the remedy.
var ErrNoBinary = errors.New("redistest: no redis-server on this machine; install it " +
	"(Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install valkey; macOS: brew install redis)")

// TB is what Start needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Skip(args ...any)
	Fatal(args ...any)
}

// Start returns a server of this test alone, with further settings as on the command line of
// redis-server ("--maxmemory", "2mb"). It is stopped when the test ends.
func Start(tb TB, settings ...string) *Server {
	tb.Helper()
	s, err := StartServer(context.Background(), settings...)
	return ofTest(tb, s, err)
}

// ofTest gives a test its server, which is stopped when the test ends, or ends the test: without
// the program it is skipped, but not in CI.
func ofTest(tb TB, s *Server, err error) *Server {
	tb.Helper()
	if errors.Is(err, ErrNoBinary) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
		return nil
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Fatal(err)
		}
	})
	return s
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	bin, dir string
	port     int
	settings []string
	sentinel bool

	mu      sync.Mutex // guards the fields below and serialises the verbs
	process *process
	gone    bool
}

// StartServer starts a server and returns when it answers. ctx bounds the start only. Stop it in
// the end.
func StartServer(ctx context.Context, settings ...string) (*Server, error) {
	bin, err := findBinary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "upshift-redis-")
	if err != nil {
		return nil, fmt.Errorf("redistest: make a directory: %w", err)
	}
	s := &Server{bin: bin, dir: dir, settings: settings}
	for range 4 { // another program may take the port in between
		if s.port, err = freePort(); err != nil {
			break
		}
		s.mu.Lock()
		err = s.start(ctx)
		s.mu.Unlock()
		if err == nil {
			return s, nil
		}
		if !strings.Contains(err.Error(), "in use") {
			break
		}
	}
	return nil, errors.Join(err, s.Stop())
}

func findBinary() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", ErrNoBinary
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Port is where it listens.
func (s *Server) Port() int { return s.port }

// Stop ends the server and removes its directory. It is idempotent.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	s.gone = true
	return errors.Join(s.kill(), os.RemoveAll(s.dir))
}

// Kill ends the server at once, as a crash does; what it held is lost.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kill()
}

// Restart starts a server on the same port, after a Kill or instead of what runs now.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return errors.New("redistest: the server was stopped")
	}
	if err := s.kill(); err != nil {
		return err
	}
	return s.start(ctx)
}

// Pause makes the server a black hole: the kernel accepts connections, nobody answers.
func (s *Server) Pause() error { return s.signal(pauseSignal) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(resumeSignal) }

func (s *Server) signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("redistest: the server does not run")
	}
	return s.process.cmd.Process.Signal(sig)
}

// Do runs one command on a connection of its own and returns the first line of the reply, or
// the value of a bulk string. It is for settings and checks of tests, not a client: arrays are
// not read.
func (s *Server) Do(ctx context.Context, args ...string) (string, error) {
	return s.DoAs(ctx, "", args...)
}

// DoAs is Do with a password, unless that is "".
func (s *Server) DoAs(ctx context.Context, password string, args ...string) (string, error) {
	conn, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return "", fmt.Errorf("redistest: connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // what was asked is answered by then
	if err := conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return "", fmt.Errorf("redistest: %w", err)
	}
	replies := bufio.NewReader(conn)
	if password != "" {
		if _, err := call(conn, replies, "AUTH", password); err != nil {
			return "", err
		}
	}
	return call(conn, replies, args...)
}

func call(conn net.Conn, replies *bufio.Reader, args ...string) (string, error) {
	request := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := conn.Write(request); err != nil {
		return "", fmt.Errorf("redistest: %s: %w", args[0], err)
	}
	reply, err := readReply(replies)
	if err != nil {
		return "", fmt.Errorf("redistest: %s: %w", args[0], err)
	}
	return reply, nil
}

// start runs the server and waits until it answers; s.mu is held.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	log := filepath.Join(s.dir, logName)
	p, err := startProcess(exec.Command(s.bin, s.arguments()...), log) //nolint:gosec,noctx // it outlives ctx, until Stop
	if err != nil {
		return fmt.Errorf("redistest: start %s: %w", s.bin, err)
	}
	s.process = p
	if err := s.awaitReady(ctx, p); err != nil {
		text, _ := os.ReadFile(log) // without it the error says enough
		return errors.Join(fmt.Errorf("redistest: start %s: %w: %s", s.bin, err, lastLines(string(text))), s.kill())
	}
	return nil
}

func (s *Server) awaitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		_, err := s.Do(ctx, "PING")
		if err == nil || strings.Contains(err.Error(), "NOAUTH") {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// kill ends the process, if one runs; s.mu is held.
func (s *Server) kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.kill()
	s.process = nil
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound to loopback and closed at once
	if err != nil {
		return 0, fmt.Errorf("redistest: find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("redistest: find a free port: %w", err)
	}
	return port, nil
}

func lastLines(text string) string {
	const lines = 6
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "; ")
}
