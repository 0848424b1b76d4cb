package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	dirPrefix = "upshift-demo-"
	// sweepAge spares the directory of a demo that is just starting.
	sweepAge = time.Minute
)

// sweep removes what demos left below parent that were killed: their socket is there, and
// nobody listens on it.
func sweep(ctx context.Context, parent string) error {
	sockets, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*", "api.sock"))
	if err != nil {
		return fmt.Errorf("look for old directories: %w", err)
	}
	var errs []error
	for _, socket := range sockets {
		dir := filepath.Dir(socket)
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < sweepAge || !deaf(ctx, socket) {
			continue // gone meanwhile, or in use
		}
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// deaf reports whether nobody listens on a socket. One that may not be asked counts as in
// use.
func deaf(ctx context.Context, socket string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err == nil {
		return conn.Close() != nil
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
