package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// StartSentinel returns a sentinel that alone decides for the master set of that name, and takes
// a master that does not answer for half a second as down. It is stopped when the test ends.
func StartSentinel(tb TB, name string, master *Server) *Server {
	tb.Helper()
	return StartSentinelOf(tb, name, master.Port())
}

// StartSentinelOf is StartSentinel for a master at a port, such as one for TLS, with further lines of
// configuration.
func StartSentinelOf(tb TB, name string, port int, lines ...string) *Server {
	tb.Helper()
	s, err := newSentinel(context.Background(), name, port, lines)
	return ofTest(tb, s, err)
}

// NewSentinel is StartSentinel without a test. ctx bounds the start only. Stop it in the end.
func NewSentinel(ctx context.Context, name string, master *Server) (*Server, error) {
	return newSentinel(ctx, name, master.Port(), nil)
}

func newSentinel(ctx context.Context, name string, port int, lines []string) (*Server, error) {
	bin, err := findBinary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "upshift-redis-")
	if err != nil {
		return nil, fmt.Errorf("redistest: make a directory: %w", err)
	}
	s := &Server{bin: bin, dir: dir, sentinel: true}
	if s.port, err = freePort(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	conf := "port " + strconv.Itoa(s.port) + "\nbind 127.0.0.1\ndir " + dir +
		"\nsentinel monitor " + name + " 127.0.0.1 " + strconv.Itoa(port) + " 1" +
		"\nsentinel down-after-milliseconds " + name + " 500\nsentinel failover-timeout " + name + " 3000\n" +
		strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, sentinelConf), []byte(conf), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("redistest: configure a sentinel: %w", err), s.Stop())
	}
	s.mu.Lock()
	err = s.start(ctx)
	s.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

const sentinelConf = "sentinel.conf"

// arguments are those of the command line.
func (s *Server) arguments() []string {
	if s.sentinel {
		return []string{filepath.Join(s.dir, sentinelConf), "--sentinel"}
	}
	return append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--enable-debug-command", "local",
	}, s.settings...)
}
