package balancer

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// holdShare is the part of its weight that a server keeps which asked to be spared.
	holdShare = 0.05
	// maxHold bounds a Retry-After.
	maxHold = 5 * time.Minute
	// briefHold is for a 429 that says no time, longHold for a 402: an account that has run dry
	// is not filled within seconds.
	briefHold = time.Second
	longHold  = time.Minute
)

// Spare leaves the server nothing but a twentieth of its weight for a time of at most five minutes,
// as the pool does by itself when an answer asks for it by Retry-After. It is for functions given to
// [Pool.Do].
func (s *Server) Spare(d time.Duration) {
	p := s.pool
	now := p.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heldTo = max(s.heldTo, now+int64(min(max(d, 0), maxHold)))
	s.publish(now)
}

// spareFor returns for how long an answer asks to be spared.
func spareFor(resp *http.Response) time.Duration {
	otherwise := time.Duration(0)
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		otherwise = briefHold
	case http.StatusPaymentRequired:
		otherwise = longHold
	case http.StatusServiceUnavailable:
	default:
		return 0
	}
	if d := retryAfter(resp.Header.Get("Retry-After"), time.Now()); d > 0 {
		return d
	}
	return otherwise
}

// retryAfter reads seconds or a date, at most maxHold.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(maxHold/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), maxHold)
	}
	return 0
}
