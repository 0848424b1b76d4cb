package balancer

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// backend2 starts a real server that speaks nothing but HTTP/2 without TLS.
func backend2(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return "h2c" + strings.TrimPrefix(s.URL, "http")
}

func TestH2CServers(t *testing.T) {
	t.Parallel()
	says := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-End")
		fmt.Fprintf(w, "%s %s %s", r.Proto, r.URL.Path, body)
		w.Header().Set("X-End", "yes")
	}
	p := newPool(t, Config{Strategy: RoundRobin}, backend2(t, says)+"/base", backend(t, says).URL)
	got := map[string]bool{}
	for range 4 {
		resp, err := p.RoundTrip(request(t, "POST", "/x", strings.NewReader("hi")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Trailer.Get("X-End") != "yes" {
			t.Errorf("%v, trailer %v", err, resp.Trailer)
		}
		_ = resp.Body.Close()
		got[string(body)] = true
	}
	if !got["HTTP/2.0 /base/x hi"] || !got["HTTP/1.1 /x hi"] {
		t.Errorf("got %v, want one server over HTTP/2 and one over HTTP/1.1", got)
	}
	if u := p.view.Load().servers[0].URL(); u.Scheme != "h2c" || p.Servers()[0].URL != u.String() {
		t.Errorf("the server's URL is %v, its statistics say %s", u, p.Servers()[0].URL)
	}
}

// A call of gRPC streams both ways at once, and its status is in the trailer.
func TestGRPCStreamsBothWays(t *testing.T) {
	t.Parallel()
	url := backend2(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.(http.Flusher).Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = fmt.Fprintln(w, "echo", lines.Text())
			w.(http.Flusher).Flush()
		}
		w.Header().Set("Grpc-Status", "14")
	})
	p := newPool(t, Config{}, url)
	in, out := io.Pipe()
	req := request(t, "POST", "/pkg.Service/Chat", in)
	req.Header.Set("Content-Type", "application/grpc")
	resp, err := p.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two"} {
		_, _ = fmt.Fprintln(out, word)
		if line, err := answers.ReadString('\n'); line != "echo "+word+"\n" {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	_ = out.Close()
	if _, err := io.ReadAll(answers); err != nil {
		t.Fatal(err)
	}
	if got := resp.Trailer.Get("Grpc-Status"); got != "14" {
		t.Errorf("grpc-status %q, want 14", got)
	}
	if st := p.Stats(); st.Failed != 1 || st.ActiveConnections != 0 {
		t.Errorf("unavailable must count as the server's failure: %+v", st)
	}
}

func TestCheckGRPC(t *testing.T) {
	t.Parallel()
	answer := func(status string, body ...byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked, _ := io.ReadAll(r.Body)
			if r.URL.Path != grpcCheckMethod || r.Method != "POST" || r.Header.Get("Te") != "trailers" {
				t.Errorf("asked %s %s %v", r.Method, r.URL.Path, r.Header)
			}
			if want := "\x00\x00\x00\x00\x05\x0a\x03a.B"; string(asked) != want {
				t.Errorf("asked %q, want %q", asked, want)
			}
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(body)
			w.Header().Set("Grpc-Status", status)
		}
	}
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want string
	}{
		{"serving", answer("0", 0, 0, 0, 0, 2, 8, 1), ""},
		{"fields to come", answer("0", 0, 0, 0, 0, 6, 0x12, 2, 'x', 'y', 8, 1), ""},
		{"not serving", answer("0", 0, 0, 0, 0, 2, 8, 2), "not serving"},
		{"unknown", answer("0", 0, 0, 0, 0, 0), "status 0 instead of SERVING"},
		{"unknown service", answer("5"), "grpc-status 5"},
		{"not implemented", answer("12"), "the server does not implement grpc.health.v1.Health"},
		{"cut short", answer("0", 0, 0, 0, 0, 9, 8, 1), errHealthAnswer.Error()},
		{"no gRPC", says("ok"), "the answer has no grpc-status; is this a gRPC server?"},
		{"not found", answers(404), "answered 404 Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, Config{}, backend2(t, tt.h))
			set := checkSettings{timeout: 20 * time.Second, path: "grpc:a.B"}
			got := strings.TrimPrefix(p.check(t.Context(), p.view.Load().servers[0], set), "grpc health check: ")
			if strings.TrimSpace(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	p := newPool(t, Config{}, backend(t, says("ok")).URL)
	if got := p.check(t.Context(), p.view.Load().servers[0], checkSettings{timeout: time.Second, path: "grpc"}); !strings.Contains(got, "h2c://") {
		t.Errorf("a server of HTTP/1.1: %q, want what to do", got)
	}
}

func TestHealthCheckPath(t *testing.T) {
	t.Parallel()
	for path, good := range map[string]bool{
		"": true, "none": true, "/x": true, "grpc": true, "grpc:pkg.Service": true, "grpc:": true,
		"grpcs": false, "grpc:a b": false, "x": false, "grpc:" + strings.Repeat("x", maxServiceName+1): false,
	} {
		if err := (Config{HealthCheckPath: path}).Validate(); (err == nil) != good {
			t.Errorf("%.20q: %v", path, err)
		}
	}
}

func FuzzHealthState(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 8, 1})
	f.Add([]byte{0, 0, 0, 0, 6, 0x12, 2, 'x', 'y', 8, 1})
	f.Add([]byte{0, 0, 0, 0, 3, 0x12, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, frame []byte) {
		if state, err := healthState(frame); err != nil && state != 0 {
			t.Errorf("an answer that cannot be read says %d", state)
		}
	})
}
