package balancer

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
)

func TestEventStreamCountsToItsFirstByte(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-more
		_, _ = io.WriteString(w, "data: 2\n\n")
	})
	p := newPool(t, Config{}, s.URL)
	resp, err := p.RoundTrip(request(t, "GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "data: 1\n" {
		t.Fatalf("first token %q, %v", line, err)
	}
	if n := p.Stats().ActiveConnections; n != 1 {
		t.Errorf("in flight while it streams: %d, want 1", n)
	}
	a := resp.Body.(*answer)
	headers := a.headers
	close(more)
	if _, err := io.ReadAll(lines); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := p.view.Load().servers[0].history.all.nanos; got != uint64(headers) {
		t.Errorf("response time %d ns, want that of the headers, %d", got, headers)
	}
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	})
	p := newPool(t, Config{}, s.URL)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: p, Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "pool" },
	})
	t.Cleanup(proxy.Close)
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", proxy.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		resp, err := proxy.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		conn := resp.Body.(io.ReadWriteCloser)
		if n := p.Stats().ActiveConnections; resp.StatusCode != 101 || n != 1 {
			t.Errorf("status %d, in flight %d; want 101 and 1", resp.StatusCode, n)
		}
		_, _ = io.WriteString(conn, "hello\n")
		if got, err := io.ReadAll(conn); string(got) != "echo hello\n" {
			t.Errorf("got %q, %v", got, err)
		}
		_ = conn.Close()
		eventually(t, "the tunnel to be counted out", func() bool { return p.Stats().ActiveConnections == 0 })
	}
	if st := p.Stats(); st.Succeeded != 2 || st.MeanResponseSeconds != 0 {
		t.Errorf("got %+v, want two successes without a response time", st)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Proto, body)
		w.Header().Set("X-End", "yes")
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that were one too many
	s.StartTLS()
	t.Cleanup(s.Close)
	p := newPool(t, Config{}, s.URL)
	p.transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	p.transport.TLSClientConfig.NextProtos = nil
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := p.RoundTrip(request(t, "POST", "/", strings.NewReader("hi")))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if string(body) != "HTTP/2.0 hi" || err != nil || resp.Trailer.Get("X-End") != "yes" {
				t.Errorf("got %q, %v, trailer %v", body, err, resp.Trailer)
			}
		})
	}
	wg.Wait()
}
