package redistest_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func do(t *testing.T, s *redistest.Server, args ...string) string {
	t.Helper()
	got, err := s.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestServerLosesWhatItHeldWhenKilled(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	do(t, s, "SET", "k", "v")
	if got := do(t, s, "GET", "k"); got != "v" {
		t.Fatalf("got %q, want v", got)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), "PING"); err == nil {
		t.Error("the killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := do(t, s, "GET", "k"); got != "" {
		t.Errorf("after the restart it has %q", got)
	}
}

func TestPausedServerAcceptsAndDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		t.Fatalf("a paused server refuses: %v", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 8)); err == nil {
		t.Fatalf("a paused server answered %d bytes", n)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := do(t, s, "PING"); got != "PONG" {
		t.Errorf("got %q", got)
	}
}

func TestSettingsAreTaken(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "for-this-test")
	if _, err := s.Do(t.Context(), "GET", "k"); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("a server with a password let a stranger in: %v", err)
	}
}

func TestStartNamesTheReasonOfAFailure(t *testing.T) {
	t.Parallel()
	s, err := redistest.StartServer(t.Context(), "--no-such-setting", "1")
	if errors.Is(err, redistest.ErrNoBinary) {
		t.Skip(err)
	}
	if err == nil {
		t.Fatal(s.Stop())
	}
	if !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("the error does not name the setting: %v", err)
	}
}

func TestErrorReply(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	if _, err := s.Do(t.Context(), "NOSUCHCOMMAND"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("got %v", err)
	}
	if got := do(t, s, "INCR", "n"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestStopIsIdempotentAndFinal(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a stopped server started again")
	}
	if err := s.Pause(); err == nil {
		t.Error("a stopped server was paused")
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s)
	// ask sends a PING by the proxy and returns what comes back within a moment.
	ask := func() (string, error) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
		if err != nil {
			return "", err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return "", err
		}
		if _, err := conn.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
			return "", err
		}
		buf := make([]byte, 64)
		n, err := conn.Read(buf)
		return string(buf[:n]), err
	}
	for _, test := range []struct {
		name  string
		fault redistest.Fault
		want  string
		fails bool
	}{
		{"none", redistest.Fault{}, "+PONG\r\n", false},
		{"refuse", redistest.Fault{Refuse: true}, "", true},
		{"silent", redistest.Fault{Silent: true}, "", true},
		{"cut", redistest.Fault{Cut: true}, "+PO", false},
		{"say", redistest.Fault{Say: []byte("-LOADING\r\n")}, "-LOADING\r\n", false},
		{"none again", redistest.Fault{}, "+PONG\r\n", false},
	} {
		p.Set(test.fault)
		if got, err := ask(); got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}
