package rediscache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/redis/rueidis"
)

const (
	// maxReplyBytes bounds a string in a reply; the largest value with its header fits.
	maxReplyBytes = 64 << 20
	maxReplyItems = 1 << 20
	maxLine       = 64 << 10
	maxDepth      = 16
)

var errGarbage = errors.New("the server answers what is no reply")

// guard is a connection whose replies are looked at before the client reads them: the client
// takes as much memory as a reply says it has, and panics at a reply that it did not ask for.
type guard struct {
	net.Conn
	in, out frames
	// asked and answered are the commands sent and the replies to them.
	asked, answered atomic.Int64
	secure          bool // by TLS
}

// guarded has the client's connections guarded.
func guarded(opt *rueidis.ClientOption) {
	network := "tcp"
	if opt.DialCtxFn != nil { // that is how it says that the address is a socket
		network = "unix"
	}
	opt.DialCtxFn = func(ctx context.Context, addr string, dialer *net.Dialer, cfg *tls.Config) (net.Conn, error) {
		var conn net.Conn
		var err error
		if cfg != nil {
			conn, err = (&tls.Dialer{NetDialer: dialer, Config: cfg}).DialContext(ctx, network, addr)
		} else {
			conn, err = dialer.DialContext(ctx, network, addr)
		}
		if err != nil {
			return nil, advised(err)
		}
		return &guard{Conn: conn, secure: cfg != nil}, nil
	}
}

// Write implements net.Conn.
func (g *guard) Write(p []byte) (int, error) {
	n, err := g.out.feed(p)
	if err != nil {
		return 0, err
	}
	g.asked.Add(int64(n))
	n, err = g.Conn.Write(p)
	return n, g.refusal(err)
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	whole, bad := g.in.feed(p[:n])
	if bad != nil {
		return 0, bad
	}
	if g.answered.Add(int64(whole)) > g.asked.Load() {
		return 0, fmt.Errorf("%w: nobody asked", errGarbage)
	}
	return n, g.refusal(err)
}

// frames follows a stream of RESP values.
type frames struct {
	line []byte // of the value that begins
	skip int64  // bytes of a string, with its end, that are still to come
	open []int  // items that are still to come of each array around
	push bool   // the outermost one is a message, not a reply
}

// feed takes the next piece and returns how many whole values, messages left out, it ends.
func (f *frames) feed(p []byte) (whole int, err error) {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, int64(len(p)))
			f.skip -= n
			if p = p[n:]; f.skip == 0 {
				whole += f.ended()
			}
			continue
		}
		c := p[0]
		p = p[1:]
		if c != '\n' {
			if f.line = append(f.line, c); len(f.line) > maxLine {
				return whole, fmt.Errorf("%w: a line of more than %d bytes", errGarbage, maxLine)
			}
			continue
		}
		ends, err := f.begin()
		if err != nil {
			return whole, err
		}
		f.line = f.line[:0]
		if ends {
			whole += f.ended()
		}
	}
	return whole, nil
}

// begin takes the first line of a value and reports whether it is all of it.
func (f *frames) begin() (whole bool, err error) {
	if len(f.line) < 2 || f.line[len(f.line)-1] != '\r' {
		return false, fmt.Errorf("%w: %.20q", errGarbage, f.line)
	}
	kind, rest := f.line[0], string(f.line[1:len(f.line)-1])
	switch kind {
	case '+', '-', ':', '_', ',', '#', '(':
		return true, nil
	case '$', '=', '!':
		n, err := length(rest, maxReplyBytes)
		if n < 0 || err != nil {
			return true, err
		}
		f.skip = n + 2
		return false, nil
	case '*', '~', '>', '%', '|':
		n, err := length(rest, maxReplyItems)
		if err != nil || len(f.open) >= maxDepth {
			return false, fmt.Errorf("%w: %.20q", errGarbage, f.line)
		}
		switch kind {
		case '%':
			n *= 2
		case '|':
			n = 2*n + 1 // the value that it describes follows
		}
		if len(f.open) == 0 {
			f.push = kind == '>'
		}
		if n <= 0 {
			return true, nil
		}
		f.open = append(f.open, int(n))
		return false, nil
	}
	return false, fmt.Errorf("%w: %.20q", errGarbage, f.line)
}

// length reads the length of a value; -1 stands for none.
func length(text string, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: length %.20q", errGarbage, text)
	}
	return n, nil
}

// ended counts a value that ended, and the arrays that end with it; 1 when that is a whole reply.
func (f *frames) ended() int {
	for len(f.open) > 0 {
		last := len(f.open) - 1
		if f.open[last]--; f.open[last] > 0 {
			return 0
		}
		f.open = f.open[:last]
	}
	push := f.push
	f.push = false
	if push {
		return 0
	}
	return 1
}
