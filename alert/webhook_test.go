package alert

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWebhookBody(t *testing.T) {
	t.Parallel()
	type call struct {
		method, path, query, kind, agent, key string
		body                                  []byte
	}
	calls := make(chan call, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{
			r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), r.UserAgent(),
			r.Header.Get("Idempotency-Key"), body,
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	hook, err := newWebhook(server.URL+"/hook?token=x", true)
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	body, err := json.Marshal(Transition{From: StatusPending, At: since.Add(time.Minute), Alert: Alert{
		ID: "cpu_usage-1", Status: StatusFiring, Rule: RuleCPUUsage, Value: 91.5, Peak: 99, Threshold: 80, Unit: "%",
		Since: since, FiredAt: since.Add(time.Minute), Summary: "busy", Action: "look", Evidence: []string{"91.5 %"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.send(t.Context(), notification{key: "k", body: body}); err != nil {
		t.Fatal(err)
	}
	got := <-calls
	want := call{"POST", "/hook", "token=x", "application/json", "upshift-alert", "k", got.body}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(call{})); diff != "" {
		t.Error(diff)
	}
	var fields map[string]any
	if err := json.Unmarshal(got.body, &fields); err != nil {
		t.Fatal(err)
	}
	wantFields := map[string]any{
		"status": "firing", "rule": "cpu_usage", "value": 91.5, "threshold": 80.0, "since": "2026-03-01T12:00:00Z",
		"summary": "busy", "action": "look", // those of the contract
		"id": "cpu_usage-1", "peak": 99.0, "unit": "%", "fired_at": "2026-03-01T12:01:00Z", "at": "2026-03-01T12:01:00Z",
		"from": "pending", "no_data": false, "recovering": false, "evidence": []any{"91.5 %"},
	}
	if diff := cmp.Diff(wantFields, fields); diff != "" {
		t.Error(diff)
	}
}

// A name that stands for a loopback address is refused when it is dialled, and no byte is
// sent. With leave it is called.
func TestWebhookRefusesPrivateAddressesAtDial(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	for _, allow := range []bool{false, true} {
		hook, err := newWebhook("https://name.example/s3cret", allow)
		if err != nil {
			t.Fatal(err)
		}
		hook.url.Scheme, hook.url.Host = "http", strings.TrimPrefix(server.URL, "http://") // as if the name stood for it
		failure := hook.send(t.Context(), notification{body: []byte("{}")})
		switch {
		case allow && (failure != nil || calls.Load() != 1):
			t.Errorf("allowed: %v, %d calls", failure, calls.Load())
		case !allow && (failure == nil || !failure.permanent || calls.Load() != 0):
			t.Errorf("not allowed: %v, %d calls", failure, calls.Load())
		case !allow && (!strings.Contains(failure.text, "alerts.webhook_allow_private") || strings.Contains(failure.text, "s3cret")):
			t.Errorf("not allowed: %q must name the remedy and not the secret", failure.text)
		}
	}
}

// Names are resolved before the check: the address decides, whatever the name says.
func TestGuardedDialChecksWhatTheNameStandsFor(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := netip.MustParseAddrPort(listener.Addr().String()).Port()
	address := net.JoinHostPort("localhost", netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[len("0.0.0.0:"):])
	if conn, err := guardedDial(false)(t.Context(), "tcp4", address); err == nil {
		conn.Close()
		t.Error("a loopback name was dialled")
	}
	conn, err := guardedDial(true)(t.Context(), "tcp4", address)
	if err != nil {
		t.Fatalf("allowed: %v", err)
	}
	conn.Close()
	if conn, err := guardedDial(true)(t.Context(), "tcp", "169.254.169.254:80"); err == nil {
		conn.Close()
		t.Error("a metadata service was dialled")
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var second atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			second.Add(1)
			return
		}
		http.Redirect(w, r, "/second", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	hook, err := newWebhook(server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	failure := hook.send(t.Context(), notification{body: []byte("{}")})
	if failure == nil || !failure.permanent || !strings.Contains(failure.text, "redirects are not followed") || second.Load() != 0 {
		t.Errorf("%v, %d calls behind the redirect", failure, second.Load())
	}
}

func TestWebhookUsesNoProxy(t *testing.T) {
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	hook, err := newWebhook("http://name.invalid/", true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing needs to be looked up
	if failure := hook.send(ctx, notification{body: []byte("{}")}); failure == nil || proxied.Load() != 0 {
		t.Errorf("%v, %d calls of the proxy", failure, proxied.Load())
	}
	if hook.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

// An error of the connection tells the host and nothing that opens the webhook.
func TestWebhookErrorsHideTheURL(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close() // nobody listens any more
	hook, err := newWebhook(strings.Replace(url, "http://", "http://user:s3cret@", 1)+"/s3cret?token=s3cret", true)
	if err != nil {
		t.Fatal(err)
	}
	failure := hook.send(t.Context(), notification{body: []byte("{}")})
	if failure == nil || failure.permanent || strings.Contains(failure.text, "s3cret") ||
		!strings.Contains(failure.text, strings.TrimPrefix(url, "http://")) {
		t.Errorf("%+v", failure)
	}
}

// An answer without an end does not hold the notifier.
func TestWebhookReadsABoundedAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 32<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	hook, err := newWebhook(server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	if failure := hook.send(t.Context(), notification{body: []byte("{}")}); failure != nil {
		t.Error(failure)
	}
}
