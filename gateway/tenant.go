package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/sentientcore/upshift/gateway/llm"
)

// identifying are the headers by which [ByCredential] tells tenants.
var identifying = []string{"Authorization", "X-Api-Key", "Api-Key"}

// tenantName is who a request is of.
func tenantName(by string, h http.Header) string {
	if by == ByHeader {
		if name := strings.TrimSpace(h.Get(llm.HeaderTenant)); name != "" && len(name) <= 128 {
			return name
		}
		return llm.Unnamed
	}
	for _, header := range identifying {
		if v := h.Get(header); v != "" {
			sum := sha256.Sum256([]byte(v))
			return "key-" + hex.EncodeToString(sum[:6])
		}
	}
	return llm.Unnamed
}

// tenant is what one has left. The mutex of the limits guards it, but for the gate and the limiters
// themselves, which guard themselves.
type tenant struct {
	name     string
	rule     int // index of its limit
	priority int
	requests *rate.Limiter // nil: no limit
	tokens   *rate.Limiter // of this and the next fields, nil or zero: no limit
	gate     gate
}

// set puts a limit in force.
func (t *tenant) set(i int, l Limit, c *settings) {
	t.rule, t.priority = i, priorities[l.Priority]
	t.requests = limiter(t.requests, l.RequestsPerSecond, l.burst())
	t.tokens = limiter(t.tokens, float64(l.TokensPerMinute)/60, int(l.TokensPerMinute))
	t.gate.set(l.Concurrency, c.QueueSize, c.QueueTimeout)
}

// limiter changes a limiter, which keeps what was used, or makes one.
func limiter(old *rate.Limiter, perSecond float64, burst int) *rate.Limiter {
	switch {
	case perSecond == 0:
		return nil
	case old == nil:
		return rate.NewLimiter(rate.Limit(perSecond), burst)
	}
	old.SetLimit(rate.Limit(perSecond))
	old.SetBurst(burst)
	return old
}

// wait is for how long there is no room for n more; zero: there is. It takes nothing.
func wait(l *rate.Limiter, n float64, now time.Time) time.Duration {
	missing := n - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.Limit()) * float64(time.Second))
}

// spend takes tokens off that a tenant used, down to below nothing.
func (ls *limits) spend(t *tenant, tokens int64, now time.Time) {
	ls.mu.Lock()
	limiter := t.tokens
	ls.mu.Unlock()
	if limiter == nil {
		return
	}
	for most := int64(limiter.Burst()); tokens > 0 && most > 0; tokens -= most {
		limiter.ReserveN(now, int(min(tokens, most)))
	}
}
