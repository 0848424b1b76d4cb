package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// readDeadliner and writeDeadliner are what the server's response writers know.
type (
	readDeadliner  interface{ SetReadDeadline(time.Time) error }
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
)

// writer notes what is written and moves the write deadline on with it: a client that takes
// nothing is cut, one that takes its time is not.
type writer struct {
	http.ResponseWriter
	x        *exchange
	deadline writeDeadliner // nil: the server's writer knows none
	armed    time.Duration  // since the exchange began

	status   int
	bytes    int64
	first    time.Duration // until the first byte of the body; zero: none yet
	hijacked bool
	failed   bool // the client does not take more
}

func (w *writer) init(x *exchange, next http.ResponseWriter) {
	w.ResponseWriter, w.x = next, x
	if d, ok := next.(writeDeadliner); ok {
		w.deadline = d
		w.arm(0)
	}
}

// arm sets the deadline anew when a quarter of its time is gone: each byte that leaves gives
// the client at least three quarters of the timeout.
func (w *writer) arm(now time.Duration) {
	timeout := w.x.cfg.WriteTimeout
	if w.deadline == nil || now != 0 && now-w.armed < timeout/4 {
		return
	}
	w.armed = now
	// An error means that the connection is gone, which the write will tell.
	_ = w.deadline.SetWriteDeadline(w.x.began.Add(now + timeout))
}

// started reports whether a final status was sent.
func (w *writer) started() bool { return w.status != 0 }

// class is the status class of the answer.
func (w *writer) class(gone, aborted, broken bool) int {
	switch {
	case w.hijacked:
		return 1
	case broken:
		return 5 // whatever its status said, the client got no whole answer
	case w.status == 0 && gone:
		return statusGone / 100
	case w.status == 0 && aborted:
		return 5
	case w.status == 0:
		return 2 // what the server makes of a handler that says nothing
	}
	return min(w.status/100, len(classNames)-1)
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the final status. Informational answers pass without their hop-by-hop
// headers.
func (w *writer) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		removeHopByHop(w.Header())
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status == 0 {
		w.status = status
		w.arm(time.Since(w.x.began))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write passes a part of the body on.
func (w *writer) Write(p []byte) (int, error) {
	now := time.Since(w.x.began)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.first == 0 {
		w.first = now
	}
	w.arm(now)
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	if err != nil {
		w.failed = true
	}
	return n, err
}

// Hijack hands the connection to an upgraded protocol.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked = true
		w.x.g.count.upgrades.Add(1)
		w.x.g.count.upgradesActive.Add(1)
	}
	return conn, rw, err
}

// requestBody is the body of a request. It moves the read deadline on as the body comes.
type requestBody struct {
	io.ReadCloser
	x     *exchange
	armed time.Duration // since the exchange began; zero: not yet
}

func (b *requestBody) Read(p []byte) (int, error) {
	d, ok := b.x.writer.ResponseWriter.(readDeadliner)
	timeout := b.x.cfg.BodyTimeout
	if now := time.Since(b.x.began); ok && (b.armed == 0 || now-b.armed > timeout/4) {
		b.armed = now
		// An error means that the connection is gone, which the read will tell.
		_ = d.SetReadDeadline(b.x.began.Add(now + timeout))
	}
	n, err := b.ReadCloser.Read(p)
	b.x.g.count.bytesIn.Add(uint64(n))
	if m := b.x.model; m != nil && n > 0 {
		m.asked.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		fault := err
		b.x.bodyFault.CompareAndSwap(nil, &fault)
	case ok && !b.x.done.Load():
		_ = d.SetReadDeadline(time.Time{}) // from here on the server only watches whether the client leaves
	}
	return n, err
}
