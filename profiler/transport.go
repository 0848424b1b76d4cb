package profiler

import (
	"io"
	"net/http"
	"sync"
)

// RoundTripper returns next with its exchanges recorded under name, from the request to
// the end of the response body: its last byte, a read error or Close, whichever is first.
// A transport error, a read error and a status of 500 or more count as failures; closing
// a body early does not. With a nil profiler it is next itself; a nil next means
// http.DefaultTransport.
func (p *Profiler) RoundTripper(name string, next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	if p == nil {
		return next
	}
	site := p.Site(name)
	site.goFunction = noGoFunction // most of the work is in goroutines of the transport
	return &transport{site: site, next: next}
}

type transport struct {
	site *Site
	next http.RoundTripper
}

// RoundTrip sends a copy of the request that carries the call's context.
func (t *transport) RoundTrip(req *http.Request) (_ *http.Response, err error) {
	if !t.site.p.enabled.Load() {
		return t.next.RoundTrip(req)
	}
	ctx, call := t.site.function().beginIn(req.Context())
	returned := false
	defer func() {
		if !returned {
			call.leave(err, false, recover())
		}
	}()
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	returned = true
	if err != nil || resp == nil || resp.Body == nil || resp.Body == http.NoBody {
		if err == nil && resp != nil {
			call.End(statusFailure(resp.StatusCode))
		} else {
			call.End(err)
		}
		return resp, err
	}
	resp.Request = req
	body := &timedBody{ReadCloser: resp.Body, call: call, failure: statusFailure(resp.StatusCode)}
	resp.Body = body
	if writer, ok := body.ReadCloser.(io.Writer); ok { // an upgraded connection
		resp.Body = struct {
			*timedBody
			io.Writer
		}{body, writer}
	}
	return resp, nil
}

// CloseIdleConnections passes http.Client.CloseIdleConnections on.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func statusFailure(status int) error {
	if status >= 500 {
		return statusError(status)
	}
	return nil
}

// timedBody ends its call with the body.
type timedBody struct {
	io.ReadCloser
	call    Call
	failure error
	once    sync.Once
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	b.once.Do(func() {
		if err != io.EOF && b.failure == nil {
			b.failure = err
		}
		b.call.End(b.failure)
	})
	return n, err
}

func (b *timedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { b.call.End(b.failure) })
	return err
}
