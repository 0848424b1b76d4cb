// Package web is the dashboard as one [http.Handler]: the files that Vite built into
// dist/, embedded, so that `go install` needs no Node.
//
// Mount it at the root of a server that also answers the REST API under
// /api/performance; the page talks to nothing else:
//
//	mux.Handle("/", web.Handler())
//
// Files come as they were compressed at build time (br, gzip), with a strong ETag. Those
// with a hash in their name may be cached for ever, the page itself is asked for each
// time. A navigation to a path that no file has gets the page, whose own router takes it
// from there; anything else that is not there is 404.
//
// The page runs under a Content-Security-Policy without inline script, inline style, eval
// or any other origin. The package neither checks who asks (the files hold no data) nor
// serves the API.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

const (
	distDir   = "dist"
	indexFile = "index.html"
	hashedDir = "assets/" // where the build puts files with a hash in their name

	cacheForever = "public, max-age=31536000, immutable"
	cacheNever   = "no-cache" // kept, but asked about each time

	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// file is one file of the dashboard in every encoding it was built in.
type file struct {
	mediaType    string
	cacheControl string
	// bodies by content coding, "" is the file as it is.
	bodies map[string]body
}

type body struct {
	data []byte
	etag string
}

// site is the dashboard's files by path, without the leading slash.
type site map[string]*file

// Handler serves the dashboard. It is safe for concurrent use.
func Handler() http.Handler {
	files, err := load(dist)
	if err != nil {
		panic(fmt.Sprintf("web: embedded files: %v", err)) // the build is broken, nothing a caller could do
	}
	return files
}

// load reads every file under dist/. name.br and name.gz are codings of name.
func load(fsys fs.FS) (site, error) {
	files := site{}
	err := fs.WalkDir(fsys, distDir, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		files.add(strings.TrimPrefix(p, distDir+"/"), data)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if index := files[indexFile]; index == nil || index.bodies[""].data == nil {
		return nil, fmt.Errorf("no %s in %s", indexFile, distDir)
	}
	return files, nil
}

func (s site) add(name string, data []byte) {
	coding := ""
	for c, suffix := range suffixes {
		if plain, found := strings.CutSuffix(name, suffix); found {
			name, coding = plain, c
		}
	}
	f := s[name]
	if f == nil {
		f = &file{mediaType: mediaType(name), cacheControl: cacheNever, bodies: map[string]body{}}
		if strings.HasPrefix(name, hashedDir) {
			f.cacheControl = cacheForever
		}
		s[name] = f
	}
	sum := sha256.Sum256(data)
	f.bodies[coding] = body{data: data, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// mediaType is by our own table: the one of package mime depends on the machine.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	}
	return "application/octet-stream"
}

// ServeHTTP answers GET and HEAD.
func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f := s.find(r)
	if f == nil {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

// find returns the file that a request means, or nil.
func (s site) find(r *http.Request) *file {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		return s[indexFile]
	}
	if f := s[name]; f != nil && f.bodies[""].data != nil {
		return f
	}
	// A page of the dashboard's own router: no file name, and a browser that wants a page.
	if path.Ext(name) == "" && !strings.HasPrefix(name, hashedDir) && wantsPage(r) {
		return s[indexFile]
	}
	return nil
}

// wantsPage tells a navigation from a script's request.
func wantsPage(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "text/html") {
			return true
		}
	}
	return false
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	coding := negotiate(r.Header.Values("Accept-Encoding"), f.bodies)
	b := f.bodies[coding]
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("Etag", b.etag)
	if len(f.bodies) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if known(r.Header.Values("If-None-Match"), b.etag) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	h.Set("Content-Length", strconv.Itoa(len(b.data)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.data) // a client that is gone needs no answer
	}
}

// known reports whether the client has this version already (RFC 9110, weak comparison).
func known(ifNoneMatch []string, etag string) bool {
	for _, line := range ifNoneMatch {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}
