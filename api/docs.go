package api

import (
	"embed"
	"net/http"
)

//go:embed docs
var docAssets embed.FS

// docFile is one file of the documentation page. The page holds no data of the system
// and reads /openapi.json, so it is as open as that is.
type docFile struct{ path, file, media, summary string }

func docFiles() []docFile {
	return []docFile{
		{"/docs", "docs/index.html", "text/html; charset=utf-8", "This API for people"},
		{"/docs/docs.js", "docs/docs.js", "text/javascript; charset=utf-8", "Script of /docs"},
		{"/docs/docs.css", "docs/docs.css", "text/css; charset=utf-8", "Style of /docs"},
	}
}

func (d docFile) serve(w http.ResponseWriter, _ *http.Request) {
	data, err := docAssets.ReadFile(d.file)
	if err != nil {
		problem(http.StatusInternalServerError, "the page is not in this build", "").write(w)
		return
	}
	w.Header().Set("Content-Type", d.media)
	_, _ = w.Write(data) // a client that is gone needs no answer
}

// ui is the dashboard, or a page that says that this build has none.
func (s *Server) ui() http.Handler {
	if s.parts.UI != nil {
		return s.parts.UI
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			problem(http.StatusNotFound, "there is no such page", "see /docs for what there is").write(w)
			return
		}
		plain(w, http.StatusOK, "This build has no dashboard. The API is described at /docs.")
	})
}
