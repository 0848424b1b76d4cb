package role

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// Proxy is a bare httputil.ReverseProxy: no balancing, no health, no statistics. Its
// transport keeps enough idle connections for the load; the standard library's default of
// two would make it dial all the time.
func Proxy(target string) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("proxy target: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DisableCompression = true
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 1024, 1024
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
	}, nil
}
