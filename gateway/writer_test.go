package gateway

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a server's writer that notes its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
	reads       int
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; d.reads++; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

func newTestExchange(t *testing.T, cfg Config, w http.ResponseWriter, body io.Reader) *exchange {
	t.Helper()
	g, err := New(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
	return newExchange(g, w, r)
}

func TestWriteDeadlineMovesWithTheBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		const timeout = 40 * time.Second
		x := newTestExchange(t, Config{WriteTimeout: timeout}, w, http.NoBody)
		if left := time.Until(w.write); left != timeout {
			t.Errorf("at the start %v are left, want %v", left, timeout)
		}
		for _, pause := range []int{0, 5, 12, 30, 39, 300, 1} {
			time.Sleep(time.Duration(pause) * time.Second)
			if _, err := x.writer.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if left := time.Until(w.write); left < timeout*3/4 || left > timeout {
				t.Errorf("after a pause of %d s %v are left for the write, want at least three quarters of %v", pause, left, timeout)
			}
		}
	})
}

// slow gives one byte after each pause.
type slow struct{ pauses []time.Duration }

func (s *slow) Read(p []byte) (int, error) {
	if len(s.pauses) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pauses[0])
	s.pauses = s.pauses[1:]
	return copy(p, "x"), nil
}

func TestReadDeadlineMovesWithTheBodyAndEndsWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		const timeout = 40 * time.Second
		x := newTestExchange(t, Config{BodyTimeout: timeout}, w, &slow{[]time.Duration{time.Second, 39 * time.Second, 5 * time.Second}})
		x.limitBody()
		for range 3 {
			began := time.Now()
			if _, err := x.request.Body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if given := w.read.Sub(began); given < timeout*3/4 || given > timeout {
				t.Errorf("a read was given %v, want at least three quarters of %v", given, timeout)
			}
		}
		if _, err := x.request.Body.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		if !w.read.IsZero() {
			t.Error("the deadline outlives the body: the server would take the client for gone")
		}
		x.done.Store(true)
		reads := w.reads
		_, _ = x.request.Body.Read(make([]byte, 1))
		if w.reads > reads+1 {
			t.Error("the deadline was taken away after the exchange, when it is the next one's")
		}
	})
}

func TestWatchIsNotResetByBytesYetSeesThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		w := &watch{cancel: func(cause error) { ended <- cause }, began: time.Now()}
		w.limit.Store(int64(10 * time.Second))
		w.timer = time.AfterFunc(10*time.Second, w.look)
		for range 5 {
			time.Sleep(9 * time.Second)
			w.moved()
		}
		select {
		case <-ended:
			t.Fatal("cut while bytes came")
		default:
		}
		began := time.Now()
		if err := <-ended; !errors.Is(err, errUpstreamTimeout) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("cut after %v of silence, want 10 s", waited)
		}
	})
}

func newReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }
