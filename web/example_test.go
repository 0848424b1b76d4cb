package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sentientcore/upshift/web"
)

// The dashboard at the root of a server that answers the REST API too.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Header().Get("Content-Encoding"))
	// Output: 200 text/html; charset=utf-8 br
}
