package metrics

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"time"
)

const (
	// apiVersion is the Prometheus release whose engine and API these are; clients choose
	// features by it.
	apiVersion = "3.16.0"

	maxFormBytes = 1 << 20
	gzipFrom     = 1024
	statusGone   = 499 // nginx's "client closed request", which Prometheus uses too
)

// apiAnswer is the envelope of Prometheus' HTTP API.
type apiAnswer struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

// endpoint answers one request: its data and the remarks on it.
type endpoint func(p params) (data any, remarks Result, err error)

// Handler serves Prometheus' HTTP API below /api/v1/: query, query_range, labels,
// label/{name}/values, series, metadata, format_query, status/buildinfo, and empty rules,
// alerts and exemplars. It is what Grafana's Prometheus data source talks to. It checks no
// authorisation.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	route := func(methods, path string, e endpoint) {
		for method := range strings.FieldsSeq(methods) {
			mux.Handle(method+" /api/v1/"+path, s.serve(e))
		}
	}
	route("GET POST", "query", s.apiQuery)
	route("GET POST", "query_range", s.apiQueryRange)
	route("GET POST", "labels", s.apiLabels)
	route("GET", "label/{name}/values", s.apiLabelValues)
	route("GET POST", "series", s.apiSeries)
	route("GET", "metadata", s.apiMetadata)
	route("GET POST", "format_query", s.apiFormat)
	route("GET POST", "query_exemplars", constant([]any{}))
	route("GET", "status/buildinfo", constant(map[string]string{
		"version": apiVersion, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	}))
	route("GET", "rules", constant(map[string]any{"groups": []any{}}))
	route("GET", "alerts", constant(map[string]any{"alerts": []any{}}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, http.StatusNotFound, apiAnswer{Status: "error", ErrorType: "not_found", Error: "no such endpoint or method"})
	})
	return mux
}

func constant(data any) endpoint {
	return func(params) (any, Result, error) { return data, Result{}, nil }
}

func (s *Store) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		if err := r.ParseForm(); err != nil {
			fail(w, r, badData("error parsing form values: %w", err))
			return
		}
		p := params{r: r, now: time.Now()}
		if name := p.text("timeout"); name != "" {
			ctx, cancel, err := deadline(r.Context(), name)
			if err != nil {
				fail(w, r, err)
				return
			}
			defer cancel()
			p.r = r.WithContext(ctx)
		}
		data, remarks, err := e(p)
		if err != nil {
			fail(w, r, err)
			return
		}
		answer(w, r, http.StatusOK, apiAnswer{
			Status: "success", Data: data, Warnings: remarks.Warnings, Infos: remarks.Infos,
		})
	})
}

// fail writes err in Prometheus' shape, with the status that Prometheus gives it.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	kind, status := KindInternal, http.StatusInternalServerError
	var q *QueryError
	switch {
	case errors.As(err, &q):
		kind = q.Kind
		status = map[string]int{
			KindBadData: http.StatusBadRequest, KindTimeout: http.StatusServiceUnavailable,
			KindCanceled: statusGone, KindExecution: http.StatusUnprocessableEntity,
			KindInternal: http.StatusInternalServerError,
		}[q.Kind]
	case errors.Is(err, ErrClosed):
		kind, status = "unavailable", http.StatusServiceUnavailable
	}
	answer(w, r, status, apiAnswer{Status: "error", ErrorType: kind, Error: err.Error()})
}

// answer writes a as JSON, compressed where the client takes that and it pays.
func answer(w http.ResponseWriter, r *http.Request, status int, a apiAnswer) {
	body, err := json.Marshal(a)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"encode the answer"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if len(body) < gzipFrom || !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that is gone needs no answer
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return // the level is a constant of the package
	}
	_, _ = z.Write(body) // as above
	_ = z.Close()
}

// acceptsGzip reads Accept-Encoding: gzip counts unless its weight is zero.
func acceptsGzip(headers []string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				value := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(weight), "q="))
				return strings.Trim(value, "0.") != "" || value == ""
			}
		}
	}
	return false
}
