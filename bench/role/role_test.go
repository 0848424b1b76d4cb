package role_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/role"
)

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestBackend(t *testing.T) {
	t.Parallel()
	url := serve(t, role.Backend())
	for _, tt := range []struct {
		name, path, cache string
		status            int
		least, most       int // bytes
	}{
		{"health", "/health", "", 200, 0, 0},
		{"item", "/item?us=10", "no-store", 200, 1000, 1100},
		{"cached", "/cached?id=3", "public, max-age=3600", 200, 1000, 1100},
		{"negative", "/item?us=-1", "", 400, 1, 100},
		{"too long", "/item?us=10000001", "", 400, 1, 100},
		{"too many", "/stream?n=1000000", "", 400, 1, 100},
		{"no number", "/stream?n=1&us=x", "", 400, 1, 100},
		{"unknown", "/other", "", 404, 1, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp, body := get(t, url+tt.path)
			if resp.StatusCode != tt.status || len(body) < tt.least || len(body) > tt.most {
				t.Errorf("status %d with %d bytes, want %d with %d to %d", resp.StatusCode, len(body), tt.status, tt.least, tt.most)
			}
			if got := resp.Header.Get("Cache-Control"); got != tt.cache {
				t.Errorf("Cache-Control %q, want %q", got, tt.cache)
			}
		})
	}
}

func TestBackendTakesItsTime(t *testing.T) {
	t.Parallel()
	url := serve(t, role.Backend())
	begun := time.Now()
	get(t, url+"/item?us=20000")
	if took := time.Since(begun); took < 20*time.Millisecond {
		t.Errorf("it took %v, want at least 20 ms", took)
	}
}

func TestProxyPassesEventsOnAtOnce(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-proceed // the reader has the first event, or this stream never goes on
		_, _ = io.WriteString(w, "data: 2\n\n")
	}))
	proxy, err := role.Proxy(backend)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(serve(t, proxy))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Scan()
	close(proceed)
	for lines.Scan() {
		if lines.Text() == "data: 2" {
			return
		}
	}
	t.Errorf("the second event never came: %v", lines.Err())
}

func TestProxyNeedsAURL(t *testing.T) {
	t.Parallel()
	if _, err := role.Proxy("http://[::1"); err == nil {
		t.Error("a broken URL is fine")
	}
}

func TestServeEndsWithItsInput(t *testing.T) {
	t.Parallel()
	in, stop := io.Pipe()
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- role.Serve(t.Context(), role.Backend(), in, out) }()
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + strings.TrimSpace(line)
	if resp, _ := get(t, url+"/health"); resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
	stop.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if resp, err := http.Get(url + "/health"); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}
