package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestHostAllowlist(t *testing.T) {
	k := newKit(t, Parts{}, func(c *Config) { c.AllowedHosts = []string{"upshift.example", "2001:db8::1"} })
	for host, want := range map[string]int{
		"127.0.0.1:8090": 200, "localhost:8090": 200, "LOCALHOST": 200, "localhost.:1": 200, "[::1]:8090": 200, "127.8.8.8": 200,
		"upshift.example": 200, "UpShift.Example:443": 200, "upshift.example.": 200, "[2001:db8::1]:1": 200,
		"evil.example": 421, "evil.example:8090": 421, "upshift.example.evil.example": 421, "localhost.evil.example": 421,
		"": 421, "10.0.0.1:8090": 421, "0.0.0.0:8090": 421, "127.0.0.1.evil.example": 421, "[::ffff:10.0.0.1]": 421,
	} {
		w := k.ask(Admin, "GET", base+"/status", "", func(r *http.Request) { r.Host = host })
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
		if want == 421 {
			problemOf(t, w)
		}
		if w := k.ask(0, "GET", "/", "", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("dashboard at host %q: %d, want %d", host, w.Code, want)
		}
		// Orchestrators ask by address; these two hold no data.
		for _, probe := range []string{"/healthz", "/readyz"} {
			if w := k.ask(0, "GET", probe, "", func(r *http.Request) { r.Host = host }); w.Code != 200 {
				t.Errorf("%s at host %q: %d", probe, host, w.Code)
			}
		}
	}
}

// TestRebinding is the case that cross-origin protection alone lets through: Host and
// Origin agree, both foreign.
func TestRebinding(t *testing.T) {
	k := newKit(t, Parts{})
	w := k.ask(Admin, "POST", base+"/memory/gc", "", func(r *http.Request) {
		r.Host = "evil.example:8090"
		r.Header.Set("Origin", "http://evil.example:8090")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	})
	if p := problemOf(t, w); p.Status != http.StatusMisdirectedRequest {
		t.Errorf("rebinding: %+v", p)
	}
}

func TestCrossSiteRequests(t *testing.T) {
	k := newKit(t, Parts{})
	for _, tt := range []struct {
		site, origin string
		want         int
	}{
		{"", "", 409}, // not a browser; the part is off
		{"same-origin", "http://127.0.0.1:8090", 409},
		{"none", "", 409},
		{"same-site", "http://127.0.0.1:3000", 403},
		{"cross-site", "http://evil.example", 403},
		{"", "http://evil.example", 403},
		{"", "null", 403},
		{"", "http://127.0.0.1:3000", 403},
		{"", "http://127.0.0.1:8090", 409},
	} {
		for _, method := range []string{"POST ./memory/gc", "DELETE ./profiler/functions", "PUT ./profiler", "POST /nowhere"} {
			method, path, _ := strings.Cut(method, " ")
			path = strings.Replace(path, ".", base, 1)
			w := k.ask(Admin, method, path, "", func(r *http.Request) {
				if tt.site != "" {
					r.Header.Set("Sec-Fetch-Site", tt.site)
				}
				if tt.origin != "" {
					r.Header.Set("Origin", tt.origin)
				}
			})
			if (w.Code == http.StatusForbidden) != (tt.want == http.StatusForbidden) {
				t.Errorf("%s %s from %q %q: %d, want %d", method, path, tt.site, tt.origin, w.Code, tt.want)
			}
			if h := w.Header().Get("Access-Control-Allow-Origin"); h != "" {
				t.Errorf("CORS header %q", h)
			}
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	k := newKit(t, Parts{})
	for _, path := range []string{"/", "/docs", base + "/status", base + "/none", "/metrics", "/none", "/healthz"} {
		for _, role := range []Role{0, Admin} {
			h := k.ask(role, "GET", path, "").Header()
			for name, want := range map[string]string{
				"Content-Security-Policy":      "default-src 'none'; script-src 'self';",
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "no-referrer",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if !strings.HasPrefix(h.Get(name), want) {
					t.Errorf("%s: %s is %q", path, name, h.Get(name))
				}
			}
			if strings.HasPrefix(path, base) && h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: Cache-Control is %q", path, h.Get("Cache-Control"))
			}
			if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
				t.Error("the policy allows inline code")
			}
		}
	}
}

func TestDocsPageNeedsNoInlineCode(t *testing.T) {
	k := newKit(t, Parts{})
	page := k.ask(0, "GET", "/docs", "").Body.String()
	if strings.Contains(page, "<script>") || strings.Contains(page, "<style") || strings.Contains(page, "onclick") ||
		strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Error("the page has inline code or an external address")
	}
	script := k.ask(0, "GET", "/docs/docs.js", "").Body.String()
	if strings.Contains(script, "innerHTML") || strings.Contains(script, "eval(") {
		t.Error("the script makes markup of data")
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	k := newKit(t, Parts{})
	for _, tt := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", base, 404, ""},
		{"GET", base + "/", 404, ""},
		{"GET", base + "/cache/stat", 404, ""},
		{"GET", base + "/cache/stats/", 404, ""},
		{"GET", "/api/v2/query", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/docs/", 404, ""},
		{"GET", "/a/../api/performance/status", 404, ""},
		{"GET", "//api/performance/status", 404, ""},
		{"GET", "/api/performance/./status", 404, ""},
		{"DELETE", base + "/cache/stats", 405, "GET, HEAD"},
		{"GET", base + "/cache/clear", 405, "POST"},
		{"PATCH", base + "/session", 405, "GET, HEAD, POST, DELETE"},
		{"OPTIONS", base + "/status", 405, "GET, HEAD"},
		{"TRACE", base + "/status", 405, "GET, HEAD"},
		{"BREW", base + "/status", 405, "GET, HEAD"},
		{"POST", "/", 405, "GET, HEAD"},
		{"POST", "/some/page", 405, "GET, HEAD"},
		{"POST", "/openapi.json", 405, "GET, HEAD"},
	} {
		w := k.ask(Admin, tt.method, "/", "", func(r *http.Request) {
			r.URL.Path, r.RequestURI = tt.path, tt.path
		})
		if p := problemOf(t, w); p.Status != tt.want || w.Header().Get("Allow") != tt.allow || p.Hint == "" {
			t.Errorf("%s %s: %+v, Allow %q; want %d, %q", tt.method, tt.path, p, w.Header().Get("Allow"), tt.want, tt.allow)
		}
	}
}

func TestRequestShape(t *testing.T) {
	k := newKit(t, Parts{})
	w := k.ask(Admin, "GET", base+"/status?x="+strings.Repeat("a", maxURI), "")
	if p := problemOf(t, w); p.Status != http.StatusRequestURITooLong {
		t.Errorf("long address: %+v", p)
	}
	w = k.ask(Admin, "GET", base+"/status", "", func(r *http.Request) {
		for i := range maxHeaderLines {
			r.Header.Add(fmt.Sprint("X-", i), "x")
		}
	})
	if p := problemOf(t, w); p.Status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("many headers: %+v", p)
	}
}

func TestDashboardDoor(t *testing.T) {
	var seen []string
	ui := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.URL.Path) })
	k := newKit(t, Parts{UI: ui})
	for _, path := range []string{"/", "/overview", "/assets/app.js", "/apis", "/docsy"} {
		k.ask(0, "GET", path, "")
	}
	if got := strings.Join(seen, " "); got != "/ /overview /assets/app.js /apis /docsy" {
		t.Errorf("dashboard saw %q", got)
	}
	k = newKit(t, Parts{})
	if w := k.ask(0, "GET", "/", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "no dashboard") {
		t.Errorf("without dashboard: %d %s", w.Code, w.Body)
	}
	if w := k.ask(0, "GET", "/x", ""); w.Code != 404 {
		t.Errorf("without dashboard, a page: %d", w.Code)
	}
}
