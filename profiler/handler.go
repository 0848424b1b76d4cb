package profiler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/pprof"
	"strconv"
)

// statusError is the failure of an exchange that ended in a server error status.
type statusError int

func (e statusError) Error() string {
	return "status " + strconv.Itoa(int(e)) + " " + http.StatusText(int(e))
}

// Handler returns next with its requests recorded under name. A status of 500 or more
// and a panic (which goes on, http.ErrAbortHandler included) count as failures. The
// ResponseWriter that next sees is an http.Flusher and an http.Hijacker if and only if the
// server's is, keeps its io.ReaderFrom, and answers http.ResponseController in full. With
// a nil profiler it is next itself.
func (p *Profiler) Handler(name string, next http.Handler) http.Handler {
	if p == nil {
		return next
	}
	site := p.Site(name)
	site.goFunction = goFunctionOf(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.enabled.Load() {
			next.ServeHTTP(w, r)
			return
		}
		ctx, call := site.function().beginIn(r.Context())
		if call.frame != nil {
			call.frame.traceparent = r.Header.Get("Traceparent")
			r = r.WithContext(ctx)
		}
		sw := &statusWriter{ResponseWriter: w}
		returned := false
		defer func() { call.leaveHandler(r, sw.failure(), returned, recover()) }()
		serveLabelled(call.fn, next, sw.shaped(), r)
		returned = true
	})
}

// serveLabelled serves with the label of fn, where labelling is on.
func serveLabelled(fn *function, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !fn.p.labelling.Load() {
		next.ServeHTTP(w, r)
		return
	}
	pprof.Do(r.Context(), pprof.Labels(LabelKey, fn.name), func(ctx context.Context) {
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// errBrokenOff is an answer that its handler gave up.
var errBrokenOff = errors.New("answer broken off")

// leaveHandler is leave for a handler. http.ErrAbortHandler is net/http's way to break an
// answer off and no panic of the code: a failure, unless the client had left.
func (c Call) leaveHandler(r *http.Request, err error, returned bool, value any) {
	if value != http.ErrAbortHandler { //nolint:errorlint // the very value
		c.leave(err, returned, value)
		return
	}
	if err == nil && r.Context().Err() == nil {
		err = errBrokenOff
	}
	c.leave(err, true, nil)
	panic(value)
}

// statusWriter remembers the final status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// shaped returns w with the optional interfaces of the writer it wraps.
func (w *statusWriter) shaped() http.ResponseWriter {
	flusher, canFlush := w.ResponseWriter.(http.Flusher)
	hijacker, canHijack := w.ResponseWriter.(http.Hijacker)
	switch {
	case canFlush && canHijack:
		return struct {
			*statusWriter
			http.Flusher
			http.Hijacker
		}{w, flusher, hijacker}
	case canFlush:
		return struct {
			*statusWriter
			http.Flusher
		}{w, flusher}
	case canHijack:
		return struct {
			*statusWriter
			http.Hijacker
		}{w, hijacker}
	default:
		return w
	}
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the first final status; informational ones (1xx) pass by, except 101.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// ReadFrom keeps the server's fast path from a file or socket.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if from, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return from.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, r)
}

func (w *statusWriter) failure() error {
	if w.status >= 500 {
		return statusError(w.status)
	}
	return nil
}
