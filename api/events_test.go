package api

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a response that a test can read while it is written.
type recorder struct {
	mu sync.Mutex
	*httptest.ResponseRecorder
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ResponseRecorder.Write(p)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Body.String()
}

// stream opens /events in the background; stop ends it and waits.
func (k *kit) stream(role Role, lastID string, change ...func(*http.Request)) (w *recorder, stop func()) {
	k.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := httptest.NewRequest(http.MethodGet, base+"/events", nil).WithContext(ctx)
	r.Host = "127.0.0.1:8090"
	r.Header.Set("Authorization", "Bearer "+k.secrets[role])
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	for _, c := range change {
		c(r)
	}
	w = &recorder{ResponseRecorder: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() { defer close(done); k.handler.ServeHTTP(w, r) }()
	return w, func() { cancel(); <-done }
}

func events(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if event, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			list = append(list, event)
		}
	}
	return list
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, Parts{})
		k.hub.Publish(EventMetrics, "before")
		w, stop := k.stream(Viewer, "")
		synctest.Wait()
		k.hub.Publish(EventMetrics, map[string]float64{"x": math.NaN()})
		k.hub.Publish(EventAlert, "two\nlines")
		synctest.Wait()
		want := "retry: 2000\n\n" +
			"id: " + k.hub.id(2) + "\nevent: metrics\ndata: {\"x\":0}\n\n" +
			"id: " + k.hub.id(3) + "\nevent: alert\ndata: \"two\\nlines\"\n\n"
		if got := w.text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if ct := w.Header().Get("Content-Type"); ct != "text/event-stream" || w.Code != 200 {
			t.Errorf("%d %s", w.Code, ct)
		}
		time.Sleep(keepAlive)
		synctest.Wait()
		if !strings.HasSuffix(w.text(), ": keep-alive\n\n") {
			t.Errorf("after %v: %q", keepAlive, w.text())
		}
		stop()
		if k.hub.Clients() != 0 {
			t.Error("the client is still there")
		}
	})
}

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, Parts{})
		for i := range 10 {
			k.hub.Publish(EventMetrics, i)
		}
		for _, tt := range []struct {
			last, want string
			lost       bool
		}{
			{"", "", false},
			{k.hub.id(10), "", false},
			{k.hub.id(7), "7 8 9", false},
			{k.hub.id(0), "0 1 2 3 4 5 6 7 8 9", false},
			{"other-3", "0 1 2 3 4 5 6 7 8 9", true},
			{k.hub.id(99), "0 1 2 3 4 5 6 7 8 9", true},
			{"nonsense", "0 1 2 3 4 5 6 7 8 9", true},
		} {
			w, stop := k.stream(Viewer, tt.last)
			synctest.Wait()
			if got := strings.Join(events(w.text()), " "); got != tt.want || strings.Contains(w.text(), "lost") != tt.lost {
				t.Errorf("after %q: %q, lost %v; want %q, %v", tt.last, got, strings.Contains(w.text(), "lost"), tt.want, tt.lost)
			}
			stop()
		}
		for i := range 2 * ringFrames {
			k.hub.Publish(EventMetrics, i)
		}
		w, stop := k.stream(Viewer, k.hub.id(5))
		synctest.Wait()
		if got := events(w.text()); len(got) != ringFrames || got[len(got)-1] != fmt.Sprint(2*ringFrames-1) || !strings.Contains(w.text(), "lost") {
			t.Errorf("after a gap: %d events", len(got))
		}
		stop()
	})
}

func TestSlowClientIsDropped(t *testing.T) {
	t.Parallel()
	h := newHub(2, slog.New(slog.DiscardHandler))
	slow, ok := h.subscribe("")
	quick, ok2 := h.subscribe("")
	if _, third := h.subscribe(""); !ok || !ok2 || third {
		t.Fatal("the bound of clients does not hold")
	}
	for i := range clientFrames + 1 {
		h.Publish(EventMetrics, i)
		<-quick.frames
	}
	received := 0
	for range slow.frames { // ends: it was closed
		received++
	}
	if received != clientFrames || h.dropped.Load() != 1 || h.Clients() != 1 || h.refused.Load() != 1 {
		t.Errorf("%d frames, %d dropped, %d clients", received, h.dropped.Load(), h.Clients())
	}
	h.Close()
	h.Close()
	if _, open := <-quick.frames; open {
		t.Error("a stream is open after Close")
	}
	h.Publish(EventMetrics, "late")
	h.unsubscribe(quick)
}

func TestStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, Parts{})
		w, stop := k.stream(Viewer, "")
		defer stop()
		synctest.Wait()
		must(t, k.tokens.Revoke(k.ids[Viewer]))
		k.hub.Publish(EventAlert, "secret")
		synctest.Wait()
		if k.hub.Clients() != 0 || strings.Contains(w.text(), "secret") {
			t.Errorf("a revoked token still reads: %q", w.text())
		}
	})
}

func TestStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, Parts{})
		cookie := k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Viewer]+`"}`).Result().Cookies()[0]
		k.secrets[Viewer] = "" // the stream comes by the cookie alone
		w, stop := k.stream(0, "", func(r *http.Request) { r.Header.Del("Authorization"); r.AddCookie(cookie) })
		defer stop()
		synctest.Wait()
		k.hub.Publish(EventAlert, "first")
		synctest.Wait()
		k.ask(0, "DELETE", base+"/session", "", func(r *http.Request) { r.AddCookie(cookie) })
		time.Sleep(keepAlive) // noticed at the latest now
		synctest.Wait()
		if got := events(w.text()); len(got) != 1 || k.hub.Clients() != 0 {
			t.Errorf("after logout: %q, %d clients", got, k.hub.Clients())
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, Parts{}, func(c *Config) { c.MaxStreams = 1 })
		_, stop := k.stream(Viewer, "")
		defer stop()
		synctest.Wait()
		w := k.ask(Viewer, "GET", base+"/events", "")
		if p := problemOf(t, w); p.Status != http.StatusServiceUnavailable {
			t.Errorf("one too many: %+v", p)
		}
	})
}

// TestStreamOverASocket holds a stream open beyond every deadline of other requests.
func TestStreamOverASocket(t *testing.T) {
	k := newKit(t, Parts{})
	srv := k.HTTPServer()
	srv.ReadTimeout = 50 * time.Millisecond // would end the stream if it counted
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(k.Listener(ln)) }()
	req, err := http.NewRequest(http.MethodGet, "http://"+ln.Addr().String()+base+"/events", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+k.secrets[Viewer])
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	read := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	read("retry: 2000")
	for i := range 5 {
		time.Sleep(30 * time.Millisecond) // beyond ReadTimeout in all; nothing is timed by it
		k.hub.Publish(EventMetrics, i)
		read(fmt.Sprint("data: ", i))
	}
	k.hub.Close()
	for lines.Scan() {
	}
	must(t, lines.Err())
	must(t, srv.Shutdown(context.Background()))
	<-served
}

func FuzzLastEventID(f *testing.F) {
	for _, s := range []string{"", "abc-1", "abc-", "abc--1", "abc-+1", "abc-18446744073709551616", "x-1", "abc-1-1", "abc-00001", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		seq, ok := parseEventID(id, "abc")
		if !ok {
			return
		}
		if again, ok := parseEventID(fmt.Sprintf("abc-%d", seq), "abc"); !ok || again != seq {
			t.Errorf("%q: %d, then %d", id, seq, again)
		}
	})
}

func TestEventsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	p := problemOf(t, newKit(t, Parts{}).ask(Viewer, "GET", base+"/events?last_event=1", ""))
	if p.Status != http.StatusBadRequest || p.Hint != "did you mean last_event_id?" {
		t.Errorf("got %+v", p)
	}
}
