package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// ask sends one request; header holds name, value, name, value …
func ask(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// small is a site with one file of each kind.
func small(t *testing.T) site {
	t.Helper()
	s, err := load(fstest.MapFS{
		"dist/index.html":            {Data: []byte("<page>")},
		"dist/index.html.br":         {Data: []byte("page in br")},
		"dist/index.html.gz":         {Data: []byte("page in gzip")},
		"dist/assets/app-1a2b.js":    {Data: []byte("script")},
		"dist/assets/app-1a2b.js.gz": {Data: []byte("script in gzip")},
		"dist/favicon.svg":           {Data: []byte("<svg>")},
		"dist/only.css.gz":           {Data: []byte("without its plain form")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFiles(t *testing.T) {
	t.Parallel()
	h := small(t)
	const html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
	tests := []struct {
		name, target, accept string
		status               int
		body, media, caching string
	}{
		{"page", "/", html, 200, "<page>", "text/html; charset=utf-8", "no-cache"},
		{"page by name", "/index.html", "*/*", 200, "<page>", "text/html; charset=utf-8", "no-cache"},
		{"hashed", "/assets/app-1a2b.js", "*/*", 200, "script", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"unhashed", "/favicon.svg", "", 200, "<svg>", "image/svg+xml", "no-cache"},
		{"navigation", "/cache/semantic", html, 200, "<page>", "text/html; charset=utf-8", "no-cache"},
		{"script's request", "/cache/semantic", "application/json", 404, "", "", "no-store"},
		{"anything", "/cache", "*/*", 404, "", "", "no-store"},
		{"html refused", "/cache", "text/htmlx", 404, "", "", "no-store"},
		{"old hash", "/assets/app-0000.js", html, 404, "", "", "no-store"},
		{"asset without extension", "/assets/app", html, 404, "", "", "no-store"},
		{"file that is not there", "/robots.txt", html, 404, "", "", "no-store"},
		{"coding by name", "/index.html.gz", html, 404, "", "", "no-store"},
		{"coding alone", "/only.css", html, 404, "", "", "no-store"},
		{"directory", "/assets/", html, 404, "", "", "no-store"},
		{"way out", "/../web.go", html, 404, "", "", "no-store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ask(t, h, "GET", tt.target, "Accept", tt.accept)
			if r.StatusCode != tt.status || r.Header.Get("Cache-Control") != tt.caching {
				t.Errorf("status %d, cache %q", r.StatusCode, r.Header.Get("Cache-Control"))
			}
			if r.Header.Get("Content-Security-Policy") != policy || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
				r.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", r.Header)
			}
			if tt.status != http.StatusOK {
				return
			}
			if got := bodyOf(t, r); got != tt.body || r.Header.Get("Content-Type") != tt.media {
				t.Errorf("got %q as %q", got, r.Header.Get("Content-Type"))
			}
		})
	}
}

func TestCodings(t *testing.T) {
	t.Parallel()
	h := small(t)
	tests := []struct{ name, accept, target, coding, body string }{
		{"none asked", "", "/", "", "<page>"},
		{"browser", "gzip, deflate, br, zstd", "/", "br", "page in br"},
		{"gzip only", "gzip", "/", "gzip", "page in gzip"},
		{"capitals and spaces", " GZip ; Q=0.5 ", "/", "gzip", "page in gzip"},
		{"anything", "*", "/", "br", "page in br"},
		{"all but br", "br;q=0, *", "/", "gzip", "page in gzip"},
		{"weights decide", "br;q=0.4, gzip;q=0.9", "/", "gzip", "page in gzip"},
		{"plain wanted most", "identity, gzip;q=0.2", "/", "", "<page>"},
		{"nothing we have", "zstd", "/", "", "<page>"},
		{"refused", "gzip;q=0, br;q=0.000", "/", "", "<page>"},
		{"weight is no number", "br;q=high, gzip", "/", "gzip", "page in gzip"},
		{"weight beyond one", "br;q=7, gzip", "/", "gzip", "page in gzip"},
		{"weight is NaN", "br;q=NaN", "/", "", "<page>"},
		{"file has no br", "br, gzip", "/assets/app-1a2b.js", "gzip", "script in gzip"},
		{"file has none", "br, gzip", "/favicon.svg", "", "<svg>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ask(t, h, "GET", tt.target, "Accept-Encoding", tt.accept)
			if got := bodyOf(t, r); r.Header.Get("Content-Encoding") != tt.coding || got != tt.body {
				t.Errorf("got %q in %q", got, r.Header.Get("Content-Encoding"))
			}
			if varies := r.Header.Get("Vary") == "Accept-Encoding"; varies != (tt.target != "/favicon.svg") {
				t.Errorf("Vary %q", r.Header.Get("Vary"))
			}
		})
	}
}

func TestEtag(t *testing.T) {
	t.Parallel()
	h := small(t)
	plain := ask(t, h, "GET", "/").Header.Get("Etag")
	coded := ask(t, h, "GET", "/", "Accept-Encoding", "gzip").Header.Get("Etag")
	if plain == coded || !strings.HasPrefix(plain, `"`) {
		t.Fatalf("tags %q and %q", plain, coded)
	}
	tests := []struct {
		name, sent string
		status     int
	}{
		{"the same", plain, 304},
		{"weak", "W/" + plain, 304},
		{"one of many", `"a", ` + plain, 304},
		{"any", "*", 304},
		{"another", `"a"`, 200},
		{"of another coding", coded, 200},
		{"no tag", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ask(t, h, "GET", "/", "If-None-Match", tt.sent)
			if r.StatusCode != tt.status || r.Header.Get("Etag") != plain {
				t.Errorf("status %d, tag %q", r.StatusCode, r.Header.Get("Etag"))
			}
			if body := bodyOf(t, r); (body == "") != (tt.status == http.StatusNotModified) {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := small(t)
	r := ask(t, h, "HEAD", "/")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Length") != "6" || bodyOf(t, r) != "" {
		t.Errorf("HEAD: %d, %v", r.StatusCode, r.Header)
	}
	r = ask(t, h, "POST", "/")
	if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, %v", r.StatusCode, r.Header)
	}
}

func TestNoIndexIsAnError(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"none":       {"dist/a.js": {}},
		"only coded": {"dist/index.html.gz": {Data: []byte("x")}},
	} {
		if _, err := load(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

var (
	reference = regexp.MustCompile(`(?:src|href)="(/[^"]*)"`)
	inline    = regexp.MustCompile(`(?i)<script(?:\s+(?:type|crossorigin|async|defer)(?:="[^"]*")?)*\s*>|<style|\sstyle=|\son[a-z]+=|javascript:|https?://`)
)

// TestBuiltPage holds the page in dist/ against its policy: all it refers to is there, and
// nothing is inline or of another origin.
func TestBuiltPage(t *testing.T) {
	t.Parallel()
	h := Handler()
	page := bodyOf(t, ask(t, h, "GET", "/"))
	if found := inline.FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
	refs := reference.FindAllStringSubmatch(page, -1)
	if len(refs) < 4 {
		t.Fatalf("only %d references in %s", len(refs), page)
	}
	for _, ref := range refs {
		if ref[1] == "/docs" || strings.HasPrefix(ref[1], "/api/") { // answered by the API
			continue
		}
		if r := ask(t, h, "GET", ref[1]); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", ref[1], r.StatusCode)
		}
	}
}

// TestBuiltCodings holds each file in dist/ against its compressed forms.
func TestBuiltCodings(t *testing.T) {
	t.Parallel()
	files, err := load(dist)
	if err != nil {
		t.Fatal(err)
	}
	coded := 0
	for name, f := range files {
		plain, ok := f.bodies[""]
		if !ok {
			t.Errorf("%s is there in codings only", name)
		}
		for coding, b := range f.bodies {
			if len(b.data) > len(plain.data) {
				t.Errorf("%s grew in %q", name, coding)
			}
		}
		gz, ok := f.bodies["gzip"]
		if !ok {
			continue
		}
		coded++
		r, err := gzip.NewReader(bytes.NewReader(gz.data))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(unpacked, plain.data) {
			t.Errorf("%s.gz is of another version", name)
		}
		if f.bodies["br"].data == nil {
			t.Errorf("%s has no br", name)
		}
	}
	if coded < 3 {
		t.Errorf("%d files are compressed", coded)
	}
}

// TestMediaTypes fails when the build makes a kind of file that the table does not know.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	var unknown []string
	err := fs.WalkDir(dist, "dist", func(p string, d fs.DirEntry, err error) error {
		name := strings.TrimSuffix(strings.TrimSuffix(p, ".br"), ".gz")
		if err == nil && !d.IsDir() && mediaType(name) == "application/octet-stream" {
			unknown = append(unknown, path.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), unknown); diff != "" {
		t.Error(diff)
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"gzip, br", "*;q=0", "br;q=1e400", "identity;q=0", ";;,,=", "gzip;q=-1"} {
		f.Add(accept)
	}
	have := map[string]body{"": {}, "br": {}, "gzip": {}}
	f.Fuzz(func(t *testing.T, accept string) {
		coding := negotiate([]string{accept}, have)
		if _, ok := have[coding]; !ok {
			t.Errorf("%q chose %q", accept, coding)
		}
		if coding != "" && !strings.Contains(accept, "*") && !strings.Contains(strings.ToLower(accept), coding) {
			t.Errorf("%q was given %q, which it does not name", accept, coding)
		}
	})
}
