package gateway

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// noPool stands for a pool that is not there.
type noPool struct{}

func (noPool) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &balancer.UnavailableError{
		Reason: balancer.ErrNoServers, Detail: "the load balancer is switched off", RetryAfter: 5 * time.Second,
	}
}

// upstream sends requests to the pool and watches the time that servers take.
type upstream struct{ pool http.RoundTripper }

// RoundTrip fails with errUpstreamTimeout when no headers come in time. The body fails so
// when it stands still.
func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	leave, err := x.admit(req.Context())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{cancel: cancel, leave: leave, began: time.Now()}
	w.limit.Store(int64(x.cfg.ResponseTimeout))
	w.timer = time.AfterFunc(math.MaxInt64, w.look) // set before it can fire
	w.timer.Reset(x.cfg.ResponseTimeout)
	res, err := u.pool.RoundTrip(req.WithContext(watchedContext{ctx})) //nolint:contextcheck // made of the request's own
	if err != nil {
		w.end()
		if errors.Is(context.Cause(ctx), errUpstreamTimeout) {
			err = errUpstreamTimeout
		}
		if x.model != nil {
			x.model.failed(req.Context(), time.Since(w.began))
		}
		return nil, err
	}
	res.Request = req
	body := &watchedBody{ReadCloser: x.model.meter(req, res, w.began), watch: w}
	res.Body = body
	if conn, ok := body.ReadCloser.(io.ReadWriteCloser); ok && res.StatusCode == http.StatusSwitchingProtocols {
		tunnel := &watchedTunnel{watchedBody: body, conn: conn}
		w.tunnel.Store(tunnel)
		res.Body = tunnel
	}
	w.moved()
	w.limit.Store(int64(x.cfg.IdleTimeout))
	w.timer.Reset(x.cfg.IdleTimeout)
	return res, nil
}

// watchedContext says that its end by the watch was a deadline, which the balancer counts as
// the server's fault; the client's leaving is nobody's.
type watchedContext struct{ context.Context }

func (c watchedContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), errUpstreamTimeout) {
		return context.DeadlineExceeded
	}
	return err
}

// watch ends a request when nothing has moved for its limit.
type watch struct {
	cancel context.CancelCauseFunc
	leave  func() // the servers
	timer  *time.Timer
	began  time.Time
	limit  atomic.Int64 // nanoseconds
	last   atomic.Int64 // nanoseconds after began
	ended  atomic.Bool
	tunnel atomic.Pointer[watchedTunnel] // which no context ends
}

func (w *watch) moved() { w.last.Store(int64(time.Since(w.began))) }

// look is what the timer does: moving bytes do not reset it, so it may be early.
func (w *watch) look() {
	if w.ended.Load() {
		return
	}
	left := w.limit.Load() - (int64(time.Since(w.began)) - w.last.Load())
	if left <= 0 {
		w.cancel(errUpstreamTimeout)
		if t := w.tunnel.Load(); t != nil {
			_ = t.Close() // whoever reads it sees its end
		}
		return
	}
	w.timer.Reset(time.Duration(left))
}

func (w *watch) end() {
	if !w.ended.Swap(true) {
		w.leave()
	}
	w.timer.Stop()
	w.cancel(nil)
}

// watchedBody is the body of an answer.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.moved()
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}

// watchedTunnel is an upgraded connection.
type watchedTunnel struct {
	*watchedBody
	conn io.ReadWriteCloser
}

func (t *watchedTunnel) Write(p []byte) (int, error) {
	t.watch.moved()
	return t.conn.Write(p)
}
