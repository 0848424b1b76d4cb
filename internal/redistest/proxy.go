package redistest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Fault is what a [Proxy] does to connections, those that are open too.
type Fault struct {
	// Refuse resets connections, new ones too.
	Refuse bool
	// Silent takes what is sent and answers nothing. A connection that was used meanwhile stays so:
	// what it lost does not come again.
	Silent bool
	// Delay holds up each piece of a reply.
	Delay time.Duration
	// Cut ends a connection in the middle of the next reply.
	Cut bool
	// Say is what is answered to each piece of a request, instead of what the server says.
	Say []byte
}

// Proxy stands between a client and a server and does as a broken network does.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	fault  Fault
	open   map[net.Conn]struct{}
	closed bool
}

// StartProxy returns a proxy before a server, on a port of its own. It is stopped when the test
// ends.
func StartProxy(tb TB, server *Server) *Proxy {
	tb.Helper()
	p, err := NewProxy(server.Addr())
	if err != nil {
		tb.Fatal(err)
		return nil
	}
	tb.Cleanup(p.Stop)
	return p
}

// NewProxy returns a proxy before an address. Stop it in the end.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound to loopback
	if err != nil {
		return nil, fmt.Errorf("redistest: proxy: %w", err)
	}
	p := &Proxy{target: target, listener: l, open: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the URL of the server behind it.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Set has connections suffer a fault from now on, instead of the one before; the zero Fault is
// none.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f.Refuse {
		p.hangUp()
	}
}

// Stop ends the proxy and all connections.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.closed = true
	_ = p.listener.Close() // nobody uses it any more
	p.hangUp()
	p.mu.Unlock()
	p.running.Wait()
}

// hangUp closes all connections, with mu held.
func (p *Proxy) hangUp() {
	for c := range p.open {
		reset(c)
	}
	clear(p.open)
}

// reset closes a connection at once, whatever is under way.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0) // closed politely, it is closed as well
	_ = c.Close()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{Timeout: callTimeout}).Dial("tcp", p.target)
		if err != nil {
			reset(client) // as if the server were not there
			continue
		}
		if !p.keep(client, server) {
			reset(client)
			reset(server)
			continue
		}
		p.running.Go(func() { p.requests(client, server) })
		p.running.Go(func() { p.replies(server, client) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.fault.Refuse {
		return false
	}
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
	return true
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // it may be closed already
		delete(p.open, c)
	}
}

func (p *Proxy) current() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// requests passes on what the client sends.
func (p *Proxy) requests(client, server net.Conn) {
	defer p.drop(client, server)
	buf := make([]byte, 64<<10)
	said := false
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		f := p.current()
		switch {
		case f.Silent:
			_, _ = io.Copy(io.Discard, client) // until one side gives up
			return
		case said && f.Say == nil:
			return
		case f.Say != nil:
			said = true
			// One for each command in the piece: each begins an array.
			for range max(1, bytes.Count(buf[:n], []byte("\r\n*"))+1) {
				if _, err := client.Write(f.Say); err != nil {
					return
				}
			}
			continue
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// replies passes on what the server answers.
func (p *Proxy) replies(server, client net.Conn) {
	defer p.drop(client, server)
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		f := p.current()
		if f.Silent || f.Say != nil {
			_, _ = io.Copy(io.Discard, server) // until one side gives up
			return
		}
		if f.Delay > 0 {
			time.Sleep(f.Delay) // that is the fault
		}
		out := buf[:n]
		if f.Cut {
			out = buf[:n/2]
		}
		if _, err := client.Write(out); err != nil || f.Cut {
			return
		}
	}
}
