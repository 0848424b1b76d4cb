package api

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxFailures   = 10 // a minute and address
	failureWindow = time.Minute
	maxAddresses  = 4096
)

// limiter counts failed logins by address and refuses an address that has too many, so
// that nobody guesses. Only wrong tokens count: a request without one and an expired
// login guess nothing.
type limiter struct {
	mu       sync.Mutex // guards the fields below
	failures map[netip.Prefix]*failureCount
}

type failureCount struct {
	count int
	since time.Time
}

func newLimiter() *limiter { return &limiter{failures: map[netip.Prefix]*failureCount{}} }

// blocked returns how long the address has to wait, zero when it may go on.
func (l *limiter) blocked(addr netip.Prefix, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failures[addr]
	if f == nil || f.count < maxFailures {
		return 0
	}
	return max(failureWindow-now.Sub(f.since), 0)
}

// fail counts one failure and reports whether it is the one that blocks the address.
func (l *limiter) fail(addr netip.Prefix, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.failures[addr]
	if f == nil || now.Sub(f.since) >= failureWindow {
		if f == nil && len(l.failures) >= maxAddresses {
			l.evict(now)
		}
		f = &failureCount{since: now}
		l.failures[addr] = f
	}
	f.count++
	return f.count == maxFailures
}

// evict makes room: first what is over, else the address with the fewest failures,
// so that a flood of addresses cannot wash out one that is blocked.
func (l *limiter) evict(now time.Time) {
	l.expire(now)
	if len(l.failures) < maxAddresses {
		return
	}
	var least netip.Prefix
	fewest := maxFailures * 1000
	for a, f := range l.failures {
		if f.count < fewest {
			least, fewest = a, f.count
		}
	}
	delete(l.failures, least)
}

// expire forgets failures older than the window. The caller holds mu.
func (l *limiter) expire(now time.Time) {
	for a, f := range l.failures {
		if now.Sub(f.since) >= failureWindow {
			delete(l.failures, a)
		}
	}
}

func (l *limiter) sweep(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
}

// addressOf is what failures are counted by: an IPv4 address, or the /64 of an IPv6 one,
// since whoever has one of those has them all. Headers such as X-Forwarded-For are not
// believed.
func addressOf(remote string) netip.Prefix {
	addr, err := netip.ParseAddr(ipOf(remote))
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

func ipOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}
