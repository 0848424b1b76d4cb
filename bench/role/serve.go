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

// Serve answers with h on a free port of loopback, writes its host:port and a newline to
// out, and ends when in does: a child whose parent is gone, however it went, has no input
// any more.
func Serve(ctx context.Context, h http.Handler, in io.Reader, out io.Writer) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
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
