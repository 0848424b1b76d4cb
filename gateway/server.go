package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of the data plane's server that are not for configuration.
const (
	readHeaderTimeout = 5 * time.Second
	keepAliveTimeout  = 60 * time.Second
	maxHeaderBytes    = 32 << 10
	maxStreamsPerConn = 100 // HTTP/2
	// cutTimeout is how long requests may take to end once they are cut.
	cutTimeout = 2 * time.Second
	// firstRequest bounds how long a drain waits for the first request of a connection.
	firstRequest = 500 * time.Millisecond
)

// baseKey is where a request's context has the server's, which ends when requests are cut.
type baseKey struct{}

// Server returns a server of the data plane, for HTTP/1.1 and for HTTP/2 without TLS, with
// limits on the time and size of headers, idle connections, their number and their streams.
// Stop it with [Gateway.Shutdown]. A Gateway has one server at a time.
func (g *Gateway) Server() *http.Server {
	// The root of all requests, as net/http would make it, but with an end.
	root, cut := context.WithCancelCause(context.Background())
	base := context.WithValue(root, baseKey{}, root)
	g.cut.Store(&cut)
	g.draining.Store(false)
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           g,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       keepAliveTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreamsPerConn,
			SendPingTimeout:      keepAliveTimeout,
			WriteByteTimeout:     g.config.Load().WriteTimeout,
		},
		BaseContext: func(net.Listener) context.Context { return base },
		ConnState:   g.door.state,
		ErrorLog:    slog.NewLogLogger(g.logger.Handler(), slog.LevelDebug),
	}
}

// doorkeeper counts connections and closes those that are too many. It knows which of them
// have had no request yet.
type doorkeeper struct {
	g      *Gateway
	silent sync.Map // of net.Conn without a request so far
}

func (d *doorkeeper) state(conn net.Conn, state http.ConnState) {
	c := &d.g.count
	switch state {
	case http.StateNew:
		d.silent.Store(conn, nil)
		if c.connsNow.Add(1) > int64(d.g.config.Load().MaxConnections) {
			c.shed.Add(1)
			_ = conn.Close() // the server sees a connection that ended at once
		}
	case http.StateActive:
		d.silent.Delete(conn)
	case http.StateHijacked, http.StateClosed:
		d.silent.Delete(conn)
		c.connsNow.Add(-1)
	case http.StateIdle:
	}
}

// settle waits, within a bound, until each connection has had its first request: net/http
// drops one that it has just read when its server is shut down.
func (d *doorkeeper) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstRequest)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for quiet := 0; quiet < 2; { // twice: between its state and its handler a request takes a moment
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		quiet++
		d.silent.Range(func(any, any) bool { quiet = 0; return false })
	}
}

// Shutdown drains srv, which [Gateway.Server] returned: it accepts no more connections, waits a
// moment for the first request of those just made, lets requests in flight finish, and cuts what is still under way after [Config.DrainTimeout] or
// when ctx ends: streams, upgraded connections and the slow. It returns when all requests have
// ended.
func (g *Gateway) Shutdown(ctx context.Context, srv *http.Server) error {
	g.draining.Store(true)
	drain, cancel := context.WithTimeout(ctx, g.config.Load().DrainTimeout)
	defer cancel()
	g.door.settle(drain)
	err := srv.Shutdown(drain)
	if err == nil {
		err = g.wait(drain) // upgraded connections are not the server's any more
	}
	if cut := g.cut.Load(); cut != nil {
		(*cut)(errDrained)
	}
	switch {
	case err == nil:
		return nil
	case drain.Err() == nil:
		return errors.Join(err, srv.Close())
	}
	g.logger.Info("requests cut at the drain timeout", "requests", g.count.inFlight.Load())
	if g.ended(ctx, srv) == nil {
		return srv.Close()
	}
	return errors.Join(srv.Close(), g.ended(ctx, srv)) // what wrote to a stalled client has failed now
}

// ended waits a little for requests that were cut, and for their last bytes to leave: those
// without an answer got one that says so.
func (g *Gateway) ended(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
	defer cancel()
	if err := g.wait(ctx); err != nil {
		return err
	}
	return srv.Shutdown(ctx)
}

// wait waits until nothing is in flight.
func (g *Gateway) wait(ctx context.Context) error {
	for g.count.inFlight.Load() > 0 {
		select {
		case <-g.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
