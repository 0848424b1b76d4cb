package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Fault is what a [Proxy] does to connections, those that are open too.
type Fault struct {
	// Refuse closes connections and takes no new ones.
	Refuse bool
	// Silent takes what is sent and answers nothing.
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
	target string
	port   int

	mu       sync.Mutex // guards the fields below
	fault    Fault
	listener net.Listener
	open     map[net.Conn]struct{}
	closed   bool
	running  sync.WaitGroup
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
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, port: port, open: map[net.Conn]struct{}{}}
	return p, p.Set(Fault{})
}

// Addr is host:port.
func (p *Proxy) Addr() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// URL is the URL of the server behind it.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Set has connections suffer a fault from now on, instead of the one before; the zero Fault is
// none.
func (p *Proxy) Set(f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f.Refuse {
		if p.listener != nil {
			_ = p.listener.Close() // what is accepted meanwhile is closed below or at once
			p.listener = nil
		}
		p.hangUp()
		return nil
	}
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := net.Listen("tcp", p.Addr()) //nolint:noctx // bound to loopback
	if err != nil {
		return fmt.Errorf("redistest: proxy: %w", err)
	}
	p.listener = l
	p.running.Go(func() { p.accept(l) })
	return nil
}

// Stop ends the proxy and all connections.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.closed = true
	if p.listener != nil {
		_ = p.listener.Close() // nobody uses it any more
	}
	p.hangUp()
	p.mu.Unlock()
	p.running.Wait()
}

// hangUp closes all connections, with mu held.
func (p *Proxy) hangUp() {
	for c := range p.open {
		_ = c.Close() // that is what is meant
	}
	clear(p.open)
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{Timeout: callTimeout}).Dial("tcp", p.target)
		if err != nil {
			_ = client.Close() // as if the server were not there
			continue
		}
		if !p.keep(client, server) {
			_ = errors.Join(client.Close(), server.Close()) // it came too late
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
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		f := p.current()
		switch {
		case f.Silent:
			continue
		case f.Say != nil:
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
			continue
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
