package upshift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/internal/run"
)

// maxSocketPath is what the system's unix socket address holds, with its final zero.
const maxSocketPath = 107

// door is one listener and the server behind it.
type door struct {
	network, address string
	key              string // the configuration key that sets address
	// wrap makes the listener the one to serve on, before Open returns; nil leaves it.
	wrap func(ln net.Listener) net.Listener
	// serve answers on ln until ctx ends, then drains until drain ends, and returns.
	serve func(ctx, drain context.Context, ln net.Listener) error

	listener net.Listener
	cut      atomic.Pointer[context.CancelFunc] // ends drain
	bound    atomic.Pointer[string]
}

func (d *door) part(name string) run.Part {
	return run.Part{Name: name, Open: d.open, Run: d.run, Close: d.close}
}

func (d *door) open(ctx context.Context) error {
	if d.network == "unix" {
		if len(d.address) > maxSocketPath {
			return fmt.Errorf("%s: the socket path %s is longer than %d bytes; set a shorter one", d.key, d.address, maxSocketPath)
		}
		// What is left of a killed process; a live one holds the state file's lock.
		if err := os.Remove(d.address); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: remove the old socket: %w", d.key, err)
		}
	}
	var listen net.ListenConfig
	listen.SetMultipathTCP(false) // its sockets know no filters, see refuseNew
	ln, err := listen.Listen(ctx, d.network, d.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is in use; stop the other program or set another address", d.key, d.address)
	case err != nil:
		return fmt.Errorf("%s: %w; set an address of this machine, such as 127.0.0.1:0", d.key, err)
	}
	if d.network == "unix" {
		if err := os.Chmod(d.address, 0o600); err != nil {
			return errors.Join(fmt.Errorf("%s: protect the socket: %w", d.key, err), ln.Close())
		}
	}
	d.listener = ln
	if d.wrap != nil {
		d.listener = d.wrap(ln)
	}
	bound := ln.Addr().String()
	d.bound.Store(&bound)
	return nil
}

func (d *door) run(ctx context.Context) error {
	drain, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	d.cut.Store(&cut)
	return d.serve(ctx, drain, d.listener)
}

// hurry ends the drain: what is still under way is cut.
func (d *door) hurry() {
	if cut := d.cut.Load(); cut != nil {
		(*cut)()
	}
}

func (d *door) close(context.Context) error {
	if err := d.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (d *door) addr() string {
	if a := d.bound.Load(); a != nil {
		return *a
	}
	return ""
}

// serveUntil serves srv on ln until ctx ends and then calls shutdown, which drains.
func serveUntil(ctx context.Context, srv *http.Server, ln net.Listener, shutdown func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	err := shutdown()
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) && !errors.Is(serveErr, net.ErrClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// lastArrivals is how long a closing data plane accepts what had connected already.
const lastArrivals = 100 * time.Millisecond

// stopAccepting closes ln so that no connection is lost that a client has made.
func (m *Manager) stopAccepting(ln net.Listener) error {
	if err := refuseNew(ln); err != nil {
		m.logger.Warn("connections not yet accepted may be reset", "err", err)
	} else {
		time.Sleep(lastArrivals) // the server accepts them meanwhile
	}
	return ln.Close()
}

func (m *Manager) serveGateway(ctx, drain context.Context, ln net.Listener) error {
	srv := m.Gateway.Server() //nolint:contextcheck // a server outlives the context it is made under
	return serveUntil(ctx, srv, ln, func() error {
		return errors.Join(m.stopAccepting(ln), m.Gateway.Shutdown(drain, srv))
	})
}

func (m *Manager) serveAPI(ctx, drain context.Context, ln net.Listener) error {
	return m.serveAdmin(ctx, drain, ln, m.API.HTTPServer())
}

// wrapAPI tells the API its port as soon as it is open: the login link has it then.
func (m *Manager) wrapAPI(ln net.Listener) net.Listener { return m.API.Listener(ln) }

func (m *Manager) serveLocal(ctx, drain context.Context, ln net.Listener) error {
	srv := m.API.HTTPServer()
	srv.Handler = m.API.LocalHandler()
	return m.serveAdmin(ctx, drain, ln, srv)
}

func (m *Manager) serveAdmin(ctx, drain context.Context, ln net.Listener, srv *http.Server) error {
	return serveUntil(ctx, srv, ln, func() error {
		m.API.Hub().Close()
		drain, cancel := context.WithTimeout(drain, adminDrain)
		defer cancel()
		if err := srv.Shutdown(drain); err != nil {
			return srv.Close()
		}
		return nil
	})
}
