package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Target is a server to be measured.
type Target struct {
	// Name tells targets apart in reports.
	Name string
	// Addr is host:port.
	Addr string
}

// timeout bounds one exchange; a request that takes longer has failed.
const timeout = 10 * time.Second

// request is the bytes of a GET.
func request(addr, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: upshift-bench\r\nAccept: */*\r\n\r\n", path, addr)
}

// conn is a keep-alive connection, dialled when first used and again after a failure.
type conn struct {
	addr   string
	socket net.Conn
	reader *bufio.Reader
}

// open dials unless the connection is there.
func (c *conn) open(ctx context.Context) error {
	if c.socket != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: timeout}
	socket, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.socket, c.reader = socket, bufio.NewReaderSize(socket, 8<<10)
	return nil
}

func (c *conn) close() {
	if c.socket != nil {
		_ = c.socket.Close() // nothing is left to be read or written
		c.socket, c.reader = nil, nil
	}
}

// send writes a request and reads the head of its answer. The caller reads the body to
// its end, or closes the connection.
func (c *conn) send(ctx context.Context, req []byte, within time.Duration) (*http.Response, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	if err := c.socket.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, fmt.Errorf("bound the exchange: %w", err)
	}
	if _, err := c.socket.Write(req); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.reader, nil)
}

// exchange sends a request and reads all of its answer; whatever is not a 200 is an error.
// After an error the next exchange dials anew.
func (c *conn) exchange(ctx context.Context, req []byte) error {
	resp, err := c.send(ctx, req, timeout)
	if err != nil {
		c.close()
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	switch {
	case err != nil:
		c.close()
		return fmt.Errorf("read the body: %w", err)
	case resp.Close:
		c.close()
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}
