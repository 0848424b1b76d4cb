package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/role"
)

func TestClientsCount(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("ask: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	reset := &net.OpError{Op: "dial", Err: syscall.ECONNRESET}
	c := newClients("127.0.0.1:1")
	c.count(nil)
	c.count(refused) // nobody has asked the server to end
	c.signal()
	c.count(refused)
	c.count(reset)
	c.count(&net.OpError{Op: "read", Err: syscall.ECONNRESET}) // this one had been sent
	c.count(io.EOF)
	if d := c.tally(); d.answered != 1 || d.refused != 2 || d.failed != 3 {
		t.Errorf("answered %d, refused %d, failed %d; want 1, 2, 3", d.answered, d.refused, d.failed)
	}
}

func TestClientsJudgeStreams(t *testing.T) {
	t.Parallel()
	c := newClients("127.0.0.1:1")
	c.judge(true, true, nil)                    // all its events
	c.judge(false, true, nil)                   // it should have had more
	c.judge(false, false, errors.New("cut"))    // before the signal
	c.signaled = time.Now().Add(-termDrain / 2) // within the drain
	c.judge(false, false, errors.New("cut"))
	c.signaled = time.Now().Add(-termDrain) // at the deadline
	c.judge(false, false, errors.New("cut"))
	c.judge(false, true, errors.New("cut")) // it had time to end
	if d := c.tally(); d.clean != 1 || d.cut != 1 || d.bad != 4 {
		t.Errorf("clean %d, cut %d, bad %d; want 1, 1, 4", d.clean, d.cut, d.bad)
	}
}

func TestStreamsOfTheBackendAreThoseThatTermWaitsFor(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(role.Backend())
	t.Cleanup(s.Close)
	resp, err := http.Get(s.URL + strings.ReplaceAll(finitePath, "us=50000", "us=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := load.Events(t.Context(), resp.Body); got != finiteEvents || err != nil {
		t.Errorf("%d events, %v; want %d", got, err, finiteEvents)
	}
}
