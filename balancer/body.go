package balancer

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// passBody is a request body that can be sent again as long as nobody has read from it:
// closing it does not close the source then, until finish says that there is no retry.
type passBody struct {
	src io.ReadCloser

	mu                                sync.Mutex // guards the fields below
	touched, broken, closed, finished bool
	srcClosed                         bool
}

func (b *passBody) Read(buf []byte) (int, error) {
	b.mu.Lock()
	b.touched = true
	b.mu.Unlock()
	n, err := b.src.Read(buf)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.broken = true
		b.mu.Unlock()
	}
	return n, err
}

func (b *passBody) Close() error { return b.mark(func() { b.closed = true }) }

// finish says that this attempt was the last.
func (b *passBody) finish() {
	_ = b.mark(func() { b.finished = true }) // a body that was sent has nothing left to lose
}

func (b *passBody) mark(change func()) error {
	b.mu.Lock()
	change()
	shut := b.closed && (b.touched || b.finished) && !b.srcClosed
	b.srcClosed = b.srcClosed || shut
	b.mu.Unlock()
	if shut {
		return b.src.Close()
	}
	return nil
}

func (b *passBody) reopen() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = false
}

func (b *passBody) wasTouched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.touched
}

func (b *passBody) wasBroken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// answer is the response body: it ends the call when it ends.
type answer struct {
	io.ReadCloser
	call    *call
	lease   *lease
	resp    *http.Response
	cancel  context.CancelCauseFunc
	headers int64        // nanoseconds to the headers
	waited  atomic.Int64 // nanoseconds for which Read waited for the server
	left    int64        // bytes until the declared end, below 0: unknown
	stream  bool         // an event stream: only its headers count as latency
	flowing bool         // its first bytes came
	upgrade bool
	verdict verdict // of a body that ends well
}

func (a *answer) Read(buf []byte) (int, error) {
	began := time.Now()
	n, err := a.ReadCloser.Read(buf)
	a.waited.Add(int64(time.Since(began)))
	if n > 0 && a.stream && !a.flowing {
		a.flowing = true
		a.call.pool.firstToken(a.lease, a.call.pool.now())
	}
	if a.left > 0 {
		a.left -= int64(n)
	}
	switch {
	case err == nil && a.left == 0 && !a.upgrade:
		a.end(a.verdict) // the end of the file may never be read
		return n, nil
	case err == nil:
		return n, nil
	case err == io.EOF:
		a.end(a.verdict)
	case a.upgrade:
		a.end(succeeded) // how a tunnel ends says nothing
	default:
		a.end(a.call.blame(err))
	}
	a.close(nil)
	return n, err
}

// Close ends the call: one that was not read to its end was given up by the caller.
func (a *answer) Close() error {
	err := a.ReadCloser.Close()
	switch {
	case a.upgrade, a.verdict != succeeded:
		a.end(a.verdict)
	default:
		a.end(cancelled)
	}
	a.close(nil)
	return err
}

// close lets go of the contexts of the call.
func (a *answer) close(cause error) {
	a.cancel(cause)
	a.call.release()
}

func (a *answer) end(v verdict) {
	p := a.call.pool
	if v == succeeded {
		v = grpcVerdict(a.resp.Trailer)
	}
	latency := a.headers
	switch {
	case a.upgrade:
		latency = -1
	case !a.stream:
		latency += a.waited.Load()
	}
	now := p.now()
	if !p.end(a.lease, now, outcome{v, latency}) {
		return
	}
	if v != cancelled && len(a.resp.Trailer) > 0 {
		a.lease.server.reported(now, a.resp.Trailer)
	}
	p.ended(v)
}

// tunnel is an upgraded connection.
type tunnel struct {
	*answer
	io.Writer
}

// grpcVerdict judges the trailer (or header) of a gRPC call.
func grpcVerdict(h http.Header) verdict {
	switch h.Get("Grpc-Status") {
	case "4", "13", "14", "15": // deadline exceeded, internal, unavailable, data loss
		return failing
	case "8": // resource exhausted
		return throttled
	}
	return succeeded
}

// verdictOf judges an answer by its headers.
func verdictOf(resp *http.Response) verdict {
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusPaymentRequired:
		return throttled
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout:
		return failing
	}
	return grpcVerdict(resp.Header)
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}
