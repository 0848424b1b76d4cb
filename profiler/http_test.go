package profiler

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandlerRecordsStatusAndPanic(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{Threshold: 1})
	h := p.Handler("gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/500":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadGateway)
		case "/404":
			w.WriteHeader(http.StatusNotFound)
		}
		_, call := p.StartContext(r.Context(), "nested")
		call.End(nil)
	}))
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, path := range []string{"/", "/404", "/500"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
				t.Errorf("panic value %v, want http.ErrAbortHandler", v)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/panic", nil))
	}()
	s := mustFunction(t, p, "gateway")
	if s.Calls != 4 || s.Errors != 2 {
		t.Errorf("calls %d, errors %d; want 4, 2", s.Calls, s.Errors)
	}
	if e := s.RecentErrors[1]; e.Error != "status 502 Bad Gateway" || e.TraceID != trace {
		t.Errorf("error exemplar %+v", e)
	}
	if s.SelfSeconds >= s.TotalSeconds {
		t.Errorf("self %v of %v: the nested calls are missing", s.SelfSeconds, s.TotalSeconds)
	}
	if nested := mustFunction(t, p, "nested"); nested.Exemplars[0].TraceID != trace {
		t.Errorf("the trace id does not reach nested calls: %+v", nested.Exemplars[0])
	}
}

// An answer that is broken off is a failure and no panic; when the client left first, it is
// the client's own doing.
func TestHandlerTellsWhoBrokeOff(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		gone   bool
		errors uint64
	}{"the handler": {false, 1}, "the client": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProfiler(t, Config{})
			h := p.Handler("chat", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if tc.gone {
				leave()
			}
			func() {
				defer func() {
					if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
						t.Errorf("panic value %v, want http.ErrAbortHandler", v)
					}
				}()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
			}()
			s := mustFunction(t, p, "chat")
			if s.Calls != 1 || s.Errors != tc.errors {
				t.Errorf("calls %d, errors %d; want 1, %d", s.Calls, s.Errors, tc.errors)
			}
			for _, e := range s.RecentErrors {
				if e.Panicked || e.Error != "answer broken off" {
					t.Errorf("kept %+v", e)
				}
			}
		})
	}
}

func TestHandlerKeepsTheWritersAbilities(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	type plain struct{ http.ResponseWriter }
	type flusher struct {
		http.ResponseWriter
		http.Flusher
	}
	rec := httptest.NewRecorder()
	for name, tc := range map[string]struct {
		w     http.ResponseWriter
		flush bool
	}{
		"plain": {plain{rec}, false}, "flusher": {flusher{rec, rec}, true},
	} {
		p.Handler("h", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, flush := w.(http.Flusher)
			_, hijack := w.(http.Hijacker)
			if flush != tc.flush || hijack {
				t.Errorf("%s: flush %v, hijack %v; want %v, false", name, flush, hijack, tc.flush)
			}
			if n, err := io.Copy(w, strings.NewReader("body")); n != 4 || err != nil {
				t.Errorf("%s: copied %d, %v", name, n, err)
			}
		})).ServeHTTP(tc.w, httptest.NewRequest(http.MethodGet, "/", nil))
	}
}

func TestHandlerOnARealServer(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	handler := p.Handler("server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		if r.URL.Path == "/stream" {
			_, _ = io.WriteString(w, "first")
			if err := rc.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		_ = rw.Flush()
	}))
	var handling sync.WaitGroup // the server does not wait for hijacked connections
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handling.Add(1)
		defer handling.Done()
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for path, want := range map[string]string{"/stream": "first", "/hijack": "hi"} {
		resp, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != want || err != nil {
			t.Errorf("%s: body %q, %v; want %q", path, body, err, want)
		}
	}
	handling.Wait()
	if s := mustFunction(t, p, "server"); s.Calls != 2 || s.Errors != 0 {
		t.Errorf("stats %+v", s)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// slowBody takes a second for each read.
type slowBody struct {
	*bytes.Reader
	err error
}

func (b slowBody) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

func (slowBody) Close() error { return nil }

func TestRoundTripperTimesTheBody(t *testing.T) {
	t.Parallel()
	fault := errors.New("connection reset")
	respond := func(status int, readErr error) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			body := slowBody{bytes.NewReader([]byte("x")), readErr}
			return &http.Response{StatusCode: status, Body: body, Request: r}, nil
		}
	}
	refuse := roundTrip(func(*http.Request) (*http.Response, error) { return nil, fault })
	for name, tc := range map[string]struct {
		next    http.RoundTripper
		early   bool // close without reading
		seconds float64
		text    string
	}{
		"read to the end": {next: respond(200, nil), seconds: 2},
		"closed early":    {next: respond(200, nil), early: true},
		"server error":    {next: respond(503, nil), seconds: 2, text: "status 503 Service Unavailable"},
		"broken body":     {next: respond(200, fault), seconds: 2, text: "connection reset"},
		"transport error": {next: refuse, text: "connection reset"},
		"error without body": {next: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Body: http.NoBody}, nil
		}), text: "status 500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProfiler(t, Config{})
				req := httptest.NewRequest(http.MethodGet, "http://backend/", nil)
				resp, err := p.RoundTripper("backend", tc.next).RoundTrip(req)
				if err == nil {
					if !tc.early {
						_, _ = io.Copy(io.Discard, resp.Body)
					}
					_ = resp.Body.Close()
					_ = resp.Body.Close()
				}
				s := mustFunction(t, p, "backend")
				if s.Calls != 1 || s.TotalSeconds != tc.seconds || s.Errors != uint64(min(len(tc.text), 1)) {
					t.Errorf("calls %d, errors %d, %v s; want %v s", s.Calls, s.Errors, s.TotalSeconds, tc.seconds)
				}
				if tc.text != "" && s.RecentErrors[0].Error != tc.text {
					t.Errorf("error %q, want %q", s.RecentErrors[0].Error, tc.text)
				}
			})
		})
	}
}

func TestRoundTripperKeepsUpgradesWritable(t *testing.T) {
	t.Parallel()
	type upgraded struct {
		io.ReadCloser
		io.Writer
	}
	var sent bytes.Buffer
	p := newProfiler(t, Config{})
	next := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Body: upgraded{io.NopCloser(strings.NewReader("")), &sent}}, nil
	})
	req := httptest.NewRequest(http.MethodGet, "http://backend/", nil)
	resp, err := p.RoundTripper("ws", next).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.(io.ReadWriteCloser).Write([]byte("frame")); err != nil || sent.String() != "frame" {
		t.Errorf("wrote %q, %v", sent.String(), err)
	}
	if s := p.Stats(); s.Calls != 0 {
		t.Error("the call ended before its body")
	}
	_ = resp.Body.Close()
	if s := mustFunction(t, p, "ws"); s.Calls != 1 || s.Errors != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestHTTPWithoutProfiler(t *testing.T) {
	t.Parallel()
	var p *Profiler
	next := http.NewServeMux()
	if p.Handler("h", next) != http.Handler(next) || p.RoundTripper("t", nil) != http.DefaultTransport {
		t.Error("a nil profiler must return what it was given")
	}
	off := newProfiler(t, Config{})
	off.SetEnabled(false)
	w := httptest.NewRecorder()
	off.Handler("h", http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
		if got != http.ResponseWriter(w) {
			t.Error("a disabled profiler wrapped the writer")
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
}
