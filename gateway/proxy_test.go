package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/gateway"
)

// echo tells the request as it arrived.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "host": r.Host, "uri": r.RequestURI, "header": r.Header, "body": string(body), "proto": r.Proto,
	})
}

type echoed struct {
	Method, Host, URI, Body, Proto string
	Header                         http.Header
}

func (r *rig) echoed(req *http.Request) echoed {
	r.Helper()
	got := r.send(req)
	var e echoed
	if err := json.Unmarshal([]byte(got.body), &e); err != nil {
		r.Errorf("status %d, body %q: %v", got.StatusCode, got.body, err)
	}
	return e
}

func TestForwards(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, echo).URL+"/base")
	req := r.request("POST", "/a%2Fb/c?x=1&y=%20", strings.NewReader("hello"), "Content-Type", "text/plain", "X-Custom", "yes")
	req.Host = "service.example:8080"
	e := r.echoed(req)
	if e.Method != http.MethodPost || e.Host != "service.example:8080" || e.URI != "/base/a%2Fb/c?x=1&y=%20" || e.Body != "hello" ||
		e.Header.Get("X-Custom") != "yes" {
		t.Errorf("the server got %+v", e)
	}
}

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, echo).URL)
	req := r.request("GET", "/", http.NoBody,
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Forwarded", "for=6.6.6.6",
		"X-Original-Url", "/admin", "X-Rewrite-Url", "/admin", "X-Real-Ip", "6.6.6.6", "X-Http-Method-Override", "DELETE",
		"X_tenant", "other", "Keep-Alive", "5", "Proxy-Authorization", "x", "Te", "gzip",
		"Connection", "X-Hop", "X-Hop", "1")
	e := r.echoed(req)
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": r.addr, "X-Forwarded-Proto": "http", "Via": "1.1 upshift",
		"Forwarded": "", "X-Original-Url": "", "X-Rewrite-Url": "", "X-Real-Ip": "", "X-Http-Method-Override": "",
		"X_tenant": "", "Keep-Alive": "", "Proxy-Authorization": "", "Te": "", "Connection": "", "X-Hop": "",
	} {
		if got := strings.Join(e.Header[name], "|"); got != want {
			t.Errorf("%s: the server got %q, want %q", name, got, want)
		}
	}
}

func TestMethodOverrideOfUnsafeMethodPasses(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, echo).URL)
	e := r.echoed(r.request("POST", "/", http.NoBody, "X-Http-Method-Override", "PATCH"))
	if e.Header.Get("X-Http-Method-Override") != "PATCH" {
		t.Error("the override of a POST was removed")
	}
}

func TestAnswerHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Connection", "X-Inner")
		h.Set("X-Inner", "1")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Alt-Svc", `h3=":443"`)
		h.Set("X-Upshift-Load", "0.5")
		h.Set("X-Upshift-Server", "spoofed")
		h.Set("Cache-Status", "origin; hit")
		w.WriteHeader(http.StatusTeapot)
	}).URL)
	got := r.get("/")
	if got.StatusCode != http.StatusTeapot {
		t.Errorf("status %d, want 418", got.StatusCode)
	}
	for name, want := range map[string]string{
		"X-Inner": "", "Keep-Alive": "", "Alt-Svc": "", "X-Upshift-Load": "",
		"X-Upshift-Server": "a", "X-Upshift-Attempts": "1", "Cache-Status": "origin; hit|upshift; fwd=uri-miss",
	} {
		if v := strings.Join(got.Header[name], "|"); v != want {
			t.Errorf("%s: got %q, want %q", name, v, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, echo).URL)
	for _, tt := range []struct {
		name, given string
		kept        bool
	}{
		{"none", "", false},
		{"uuid", "0b6f7c2e-4f0e-4a55-9a7e-1f1f5be2e7ab", true},
		{"128 letters", strings.Repeat("a", 128), true},
		{"129 letters", strings.Repeat("a", 129), false},
		{"markup", "<script>", false},
		{"space", "a b", false},
		{"quote", `a"b`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req := r.request("GET", "/", http.NoBody)
			if tt.given != "" {
				req.Header.Set("X-Request-Id", tt.given)
			}
			got := r.send(req)
			var e echoed
			if err := json.Unmarshal([]byte(got.body), &e); err != nil {
				t.Fatal(err)
			}
			id := got.Header.Get("X-Request-Id")
			if id != e.Header.Get("X-Request-Id") || id == "" {
				t.Errorf("the client got %q, the server %q", id, e.Header.Get("X-Request-Id"))
			}
			if (id == tt.given) != tt.kept {
				t.Errorf("given %q, got %q; kept %v", tt.given, id, tt.kept)
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "body")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	}).URL)
	for range 2 { // trailers are never served from the cache
		got := r.get("/")
		if got.body != "body" || got.Trailer.Get("X-Sum") != "42" || got.Trailer.Get("X-Late") != "yes" {
			t.Errorf("got %q with trailer %v", got.body, got.Trailer)
		}
	}
}

func TestInformationalAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	}).URL)
	hints := make(chan string, 1)
	req := r.request("GET", "/", http.NoBody)
	req = req.WithContext(withEarlyHints(req.Context(), hints))
	got := r.send(req)
	if got.StatusCode != http.StatusOK || got.Header.Get("X-Request-Id") == "" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	select {
	case link := <-hints:
		if link != "</style.css>; rel=preload" {
			t.Errorf("hint %q", link)
		}
	default:
		t.Error("103 did not arrive")
	}
}

func TestNoPool(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	got := r.get("/")
	p := r.wantProblem(got, http.StatusServiceUnavailable)
	if !strings.Contains(p.Hint, "load_balancer.servers") || got.Header.Get("Retry-After") == "" {
		t.Errorf("hint %q, Retry-After %q; want to be told to set load_balancer.servers", p.Hint, got.Header.Get("Retry-After"))
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	t.Parallel()
	if _, err := gateway.New(gateway.Config{MaxConnections: -1}, gateway.Parts{}); err == nil {
		t.Error("no error for max_connections -1")
	}
}
