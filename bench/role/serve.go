package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// anyPort is a free port of loopback.
const anyPort = "127.0.0.1:0"

// Serve is ServeAt a free port of loopback.
func Serve(ctx context.Context, h http.Handler, in io.Reader, out io.Writer) error {
	return ServeAt(ctx, anyPort, h, in, out)
}

// ServeAt answers with h at an address, writes its host:port and a newline to
// out, and ends when in does: a child whose parent is gone, however it went, has no input
// any more.
func ServeAt(ctx context.Context, address string, h http.Handler, in io.Reader, out io.Writer) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	if _, err := fmt.Fprintln(out, ln.Addr()); err != nil {
		return errors.Join(fmt.Errorf("tell the address: %w", err), srv.Close())
	}
	go func() {
		_, err := io.Copy(io.Discard, in)
		failed <- err
	}()
	err = <-failed
	return errors.Join(err, srv.Close())
}
