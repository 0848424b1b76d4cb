package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/gateway"
)

// lines is a server that sends a line for each value of the channel, and ends with it. It tells
// when its request is gone.
type lines struct {
	next chan string
	gone chan struct{}
}

func newLines() *lines { return &lines{make(chan string), make(chan struct{})} }

func (l *lines) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=60")
	w.Header().Set("X-Done", "1")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case line, ok := <-l.next:
			if !ok {
				return
			}
			if line == "break" {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprintln(w, line)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			close(l.gone)
			return
		}
	}
}

// open asks and returns the answer while it still comes.
func (r *rig) open(ctx context.Context, path string) (*http.Response, *bufio.Reader) {
	r.Helper()
	res, err := r.client.Do(r.request(http.MethodGet, path, http.NoBody).WithContext(ctx))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { res.Body.Close() })
	return res, bufio.NewReader(res.Body)
}

func (r *rig) wantLine(from *bufio.Reader, want string) {
	r.Helper()
	if got, err := from.ReadString('\n'); got != want+"\n" || err != nil {
		r.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// Who comes while an answer still does gets what was there at once, then each part as it comes,
// also after the client that asked first has left.
func TestJoiningAnAnswerThatStillComes(t *testing.T) {
	t.Parallel()
	l := newLines()
	r, o := cached(t, l.answer)
	ctx, leave := context.WithCancel(t.Context())
	_, first := r.open(ctx, "/")
	l.next <- "one"
	r.wantLine(first, "one")
	res, second := r.open(t.Context(), "/")
	if s := res.Header.Get("Cache-Status"); s != "upshift; fwd=uri-miss; collapsed" || res.Header.Get("Age") == "" {
		t.Errorf("Cache-Status %q, Age %q", s, res.Header.Get("Age"))
	}
	r.wantLine(second, "one")
	l.next <- "two"
	r.wantLine(first, "two")
	r.wantLine(second, "two")
	leave()
	eventually(t, "the first client to be gone", func() bool { return r.gw.Stats().ClientsGone == 1 })
	l.next <- "three"
	r.wantLine(second, "three")
	close(l.next)
	if rest, err := io.ReadAll(second); len(rest) > 0 || err != nil {
		t.Errorf("the end: %q, %v", rest, err)
	}
	if got := r.get("/"); got.body != "one\ntwo\nthree\n" || o.requests.Load() != 1 {
		t.Errorf("kept %q after %d requests", got.body, o.requests.Load())
	}
}

// When the last one has left, the server is told at once, and nothing is kept.
func TestLastOneOutEndsTheRequest(t *testing.T) {
	t.Parallel()
	l := newLines()
	r, _ := cached(t, l.answer)
	ctx, leave := context.WithCancel(t.Context())
	_, first := r.open(ctx, "/")
	l.next <- "one"
	r.wantLine(first, "one")
	_, second := r.open(ctx, "/")
	r.wantLine(second, "one")
	began := time.Now()
	leave()
	<-l.gone // or the test times out
	t.Logf("the server knew after %v", time.Since(began))
	eventually(t, "both to be counted out", func() bool { return r.gw.Stats().InFlight == 0 })
	if s := r.gw.Stats(); s.CacheStored != 0 || s.ClientsGone != 2 {
		t.Errorf("stored %d, gone %d", s.CacheStored, s.ClientsGone)
	}
}

// A body that breaks off breaks off for all, and is not kept.
func TestCutIsACutForAll(t *testing.T) {
	t.Parallel()
	l := newLines()
	r, _ := cached(t, l.answer)
	_, first := r.open(t.Context(), "/")
	l.next <- "one"
	_, second := r.open(t.Context(), "/")
	r.wantLine(second, "one")
	l.next <- "break"
	for i, body := range []*bufio.Reader{first, second} {
		if _, err := io.ReadAll(body); err == nil {
			t.Errorf("client %d took it for whole", i)
		}
	}
	if s := r.gw.Stats(); s.CacheStored != 0 {
		t.Error("half an answer was kept")
	}
}

// A thousand ride on one request. Some of them read nothing for as long as it goes on.
func TestThousandRideOnOneRequest(t *testing.T) {
	t.Parallel()
	const clients, parts = 1000, 10
	l := newLines()
	r, o := cached(t, l.answer)
	_, first := r.open(t.Context(), "/")
	var here, wg sync.WaitGroup
	here.Add(clients)
	ended := make(chan struct{})
	want := strings.Repeat(strings.Repeat("x", 99)+"\n", parts)
	for i := range clients {
		wg.Go(func() {
			req := r.request(http.MethodGet, "/", http.NoBody)
			res, err := r.client.Do(req)
			here.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if i%10 == 0 {
				<-ended // a slow one
			}
			if got, err := io.ReadAll(res.Body); string(got) != want || err != nil {
				t.Errorf("client %d: %d bytes of %d, %v", i, len(got), len(want), err)
			}
		})
	}
	here.Wait()
	for range parts {
		l.next <- want[:99]
		r.wantLine(first, want[:99])
	}
	close(l.next)
	close(ended)
	wg.Wait()
	if n := o.requests.Load(); n != 1 {
		t.Errorf("the server got %d requests, want 1", n)
	}
}

// An answer that becomes too long to be kept still goes to those who ride, and nobody joins it
// any more.
func TestRidersOfATooLongAnswer(t *testing.T) {
	t.Parallel()
	l := newLines()
	o := &origin{answer: l.answer}
	r := newRig(t, options{cfg: gateway.Config{CacheMaxBodyBytes: 100 << 10}}, backend(t, o.ServeHTTP).URL)
	_, first := r.open(t.Context(), "/")
	_, second := r.open(t.Context(), "/")
	line := strings.Repeat("x", 9999)
	for range 100 {
		l.next <- line
		r.wantLine(first, line)
		r.wantLine(second, line)
	}
	_, third := r.open(t.Context(), "/") // asks for itself
	if n := o.requests.Load(); n != 2 {
		t.Errorf("the server got %d requests, want 2", n)
	}
	close(l.next)
	for _, body := range []*bufio.Reader{first, second, third} {
		if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
			t.Errorf("the end: %d bytes, %v", len(rest), err)
		}
	}
	if s := r.gw.Stats(); s.CacheStored != 0 {
		t.Error("kept more than cache_max_body_bytes")
	}
}

// A drain that has waited long enough cuts those who ride, and with them the request to the
// server; one that fetches an answer anew does not outlive it either.
func TestDrainCutsRiders(t *testing.T) {
	t.Parallel()
	l := newLines()
	hangs := make(chan struct{})
	o := &origin{answer: func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/lines":
			l.answer(w, req)
		case req.Header.Get("If-None-Match") != "":
			<-req.Context().Done()
			close(hangs)
		default:
			headers("Cache-Control", "max-age=0, stale-while-revalidate=60", "Etag", `"v1"`)(w, req)
		}
	}}
	r := newRig(t, options{cfg: gateway.Config{DrainTimeout: 50 * time.Millisecond}}, backend(t, o.ServeHTTP).URL)
	r.get("/old")
	r.get("/old") // is fetched anew
	_, first := r.open(t.Context(), "/lines")
	l.next <- "one"
	r.wantLine(first, "one")
	_, second := r.open(t.Context(), "/lines")
	r.wantLine(second, "one")
	eventually(t, "the fetch", func() bool { return o.requests.Load() == 3 })
	if err := r.gw.Shutdown(context.Background(), r.srv); err != nil {
		t.Error(err)
	}
	<-l.gone // or the test times out
	<-hangs
	for _, body := range []*bufio.Reader{first, second} {
		if _, err := io.ReadAll(body); err == nil {
			t.Error("a cut answer looked whole")
		}
	}
}

// badBody says something and panics.
type badBody struct{ said bool }

func (b *badBody) Read(p []byte) (int, error) {
	if b.said {
		panic("secret of the body")
	}
	b.said = true
	return copy(p, "half"), nil
}

func (b *badBody) Close() error { return nil }

// A body that panics while it is read for many is a cut for them, no more.
func TestBodyThatPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{pool: roundTrip(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, ProtoMajor: 2, ContentLength: -1, Request: req, Body: &badBody{},
			Header: http.Header{"Cache-Control": {"max-age=60"}},
		}, nil
	})})
	for range 2 {
		if got := r.get("/"); got.body != "half" || got.err == nil {
			t.Errorf("got %q, %v", got.body, got.err)
		}
	}
	eventually(t, "the panics to be counted", func() bool { return r.gw.Stats().Panics == 2 })
	if s := r.gw.Stats(); s.CacheStored != 0 {
		t.Error("half an answer was kept")
	}
}
