package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// kit is a server with a token for each role, called without a socket.
type kit struct {
	*Server
	t       testing.TB
	handler http.Handler
	secrets map[Role]string
	ids     map[Role]string
	logs    *bytes.Buffer
}

func newKit(tb testing.TB, parts Parts, change ...func(*Config)) *kit {
	tb.Helper()
	cfg := Config{}
	for _, c := range change {
		c(&cfg)
	}
	logs := &bytes.Buffer{}
	if parts.DataDir == "" {
		parts.DataDir = tb.TempDir()
	}
	if parts.Logger == nil {
		parts.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: logs}, nil))
	}
	s, err := New(cfg, parts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.audit.close(); s.hub.Close() })
	k := &kit{Server: s, t: tb, handler: s.Handler(), secrets: map[Role]string{}, ids: map[Role]string{}, logs: logs}
	for _, role := range []Role{Viewer, Operator, Admin} {
		tok, secret, err := s.tokens.Create(NewToken{Name: "test " + role.String(), Role: role})
		if err != nil {
			tb.Fatal(err)
		}
		k.secrets[role], k.ids[role] = secret, tok.ID
	}
	return k
}

// run works off jobs until the test ends.
func (k *kit) run() *kit {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	k.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			k.t.Error("Run:", err)
		}
	})
	return k
}

type lockedWriter struct {
	w io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) { return l.w.Write(p) } // slog's handlers lock

// ask is one request; change may alter it.
func (k *kit) ask(role Role, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	k.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	r.Host = "127.0.0.1:8090"
	r.RemoteAddr = "127.0.0.1:40000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if role >= Viewer {
		r.Header.Set("Authorization", "Bearer "+k.secrets[role])
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return w
}

func withHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func problemOf(tb testing.TB, w *httptest.ResponseRecorder) Problem {
	tb.Helper()
	if got := w.Header().Get("Content-Type"); got != problemType {
		tb.Fatalf("content type %q, want %q; status %d, body %s", got, problemType, w.Code, w.Body)
	}
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		tb.Fatalf("problem is no JSON: %v: %s", err, w.Body)
	}
	if p.Success || p.Detail == "" || p.Status != w.Code {
		tb.Fatalf("problem %+v with status %d", p, w.Code)
	}
	return p
}

func dataOf[T any](tb testing.TB, w *httptest.ResponseRecorder) T {
	tb.Helper()
	var e Envelope[T]
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code >= 300 || !e.Success {
		tb.Fatalf("status %d, err %v, body %s", w.Code, err, w.Body)
	}
	return e.Data
}
