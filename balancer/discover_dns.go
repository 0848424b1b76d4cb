package balancer

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// lookupTimeout bounds a look-up; after one that failed the next comes within lookupAgain.
	lookupTimeout = 10 * time.Second
	lookupAgain   = 5 * time.Second
	// What DNS says of how long a name may be kept counts between these.
	leastTTL, mostTTL = time.Second, 10 * time.Minute
	// maxFound bounds the servers of a name.
	maxFound = 1024
)

// dnsSource is a name that stands for servers.
type dnsSource struct {
	cfg      DNSConfig
	url      *url.URL
	interval time.Duration
	dial     func(ctx context.Context, network, address string) (net.Conn, error) // to a name server
}

// newDNSSource returns the source of a valid configuration.
func newDNSSource(c DNSConfig, interval time.Duration) *dnsSource {
	u, err := parseServerURL(c.URL)
	if err != nil { // Validate ran before
		u = &url.URL{Scheme: "http", Host: "invalid."}
	}
	return &dnsSource{cfg: c, url: u, interval: cmp.Or(interval, DefaultDiscoveryInterval), dial: new(net.Dialer).DialContext}
}

func (d *dnsSource) name() string { return "dns:" + d.cfg.ID }

func (d *dnsSource) find(ctx context.Context) ([]ServerConfig, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ttl := &ttlWatch{}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return ttl.on(c), nil
	}}
	lookup := d.addresses
	if isSRV(d.url) {
		lookup = d.targets
	}
	servers, err := lookup(ctx, resolver)
	if err != nil {
		return nil, min(d.interval, lookupAgain), err
	}
	slices.SortFunc(servers, func(a, b ServerConfig) int { return strings.Compare(a.ID, b.ID) })
	return servers, ttl.least(d.interval), nil
}

// addresses are those of the name: IPv4, or IPv6 where there is none.
func (d *dnsSource) addresses(ctx context.Context, r *net.Resolver) ([]ServerConfig, error) {
	found, err := r.LookupNetIP(ctx, "ip", d.url.Hostname())
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	if slices.ContainsFunc(found, netip.Addr.Is4) {
		found = slices.DeleteFunc(found, netip.Addr.Is6)
	}
	slices.SortFunc(found, netip.Addr.Compare)
	found = slices.Compact(found)
	servers := make([]ServerConfig, 0, len(found))
	for _, addr := range found[:min(len(found), maxFound)] {
		host := addr.String()
		if port := d.url.Port(); port != "" {
			host = net.JoinHostPort(host, port)
		} else if addr.Is6() {
			host = "[" + host + "]"
		}
		servers = append(servers, d.server(addr.WithZone("").String(), host, 1))
	}
	return servers, nil
}

// targets are those of the SRV records of the first priority.
func (d *dnsSource) targets(ctx context.Context, r *net.Resolver) ([]ServerConfig, error) {
	_, found, err := r.LookupSRV(ctx, "", "", d.url.Hostname())
	if err != nil {
		return nil, err
	}
	servers := make([]ServerConfig, 0, len(found))
	for _, srv := range found[:min(len(found), maxFound)] {
		if srv.Priority != found[0].Priority { // sorted; the others are for when these are gone
			break
		}
		host := net.JoinHostPort(strings.TrimSuffix(srv.Target, "."), strconv.Itoa(int(srv.Port)))
		servers = append(servers, d.server(host, host, float64(max(srv.Weight, 1))))
	}
	return servers, nil
}

// server is one at a host. A name that is too long for an id is cut from the front.
func (d *dnsSource) server(name, host string, weight float64) ServerConfig {
	u := *d.url
	u.Host = host
	id := d.cfg.ID + "-" + name[max(0, len(name)-43):]
	return ServerConfig{ID: id, URL: u.String(), Weight: weight * cmp.Or(d.cfg.Weight, 1), MaxConnections: d.cfg.MaxConnections}
}

// ttlWatch looks at the answers of name servers for what the resolver does not tell: for how long
// they may be kept. The resolver asks several at a time.
type ttlWatch struct {
	mu    sync.Mutex // guards the fields below
	ttl   time.Duration
	known bool
}

// on watches a connection of the resolver.
func (w *ttlWatch) on(c net.Conn) net.Conn {
	if udp, ok := c.(*net.UDPConn); ok {
		return &ttlConn{UDPConn: udp, watch: w}
	}
	return c // TCP: the same answer came by UDP before, though cut
}

func (w *ttlWatch) see(ttl time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known || ttl < w.ttl {
		w.ttl, w.known = ttl, true
	}
}

// least is the shortest time that an answer gave, otherwise if none did.
func (w *ttlWatch) least(otherwise time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known {
		return otherwise
	}
	return min(max(w.ttl, leastTTL), mostTTL)
}

// ttlConn reads along.
type ttlConn struct {
	*net.UDPConn
	watch *ttlWatch
}

// Read implements [net.Conn].
func (c *ttlConn) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	if err == nil {
		if ttl, ok := ttlOf(b[:n]); ok {
			c.watch.see(ttl)
		}
	}
	return n, err
}

// ttlOf is the shortest time of the answers in a message of DNS.
func ttlOf(message []byte) (ttl time.Duration, ok bool) {
	var p dnsmessage.Parser
	if _, err := p.Start(message); err != nil || p.SkipAllQuestions() != nil {
		return 0, false
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return ttl, ok
		}
		if each := time.Duration(h.TTL) * time.Second; !ok || each < ttl {
			ttl, ok = each, true
		}
		if p.SkipAnswer() != nil {
			return ttl, ok
		}
	}
}
