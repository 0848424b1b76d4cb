package gateway

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

const (
	// maxHeldBytes is the longest body that is held to be sent to another pool, or to look for the
	// model in it.
	maxHeldBytes = 1 << 20
	// maxHeld bounds all that are held.
	maxHeld = 64 << 20
	// readBytes is how much of a body is read at once while looking for its model.
	readBytes = 8 << 10
)

// pool is one of the pools of a gateway.
type pool struct {
	name                 string
	next                 http.RoundTripper
	requests, overflowed atomic.Uint64
}

// PoolStats are the figures of a pool.
type PoolStats struct {
	// Requests were sent to it, Overflowed of them it could not take, and went to the next one.
	Requests   uint64 `json:"requests"`
	Overflowed uint64 `json:"overflowed"`
}

// pooling sends each request to the pools of its route.
type pooling struct {
	g    *Gateway
	only *pool // while there are no routes
	held atomic.Int64
}

// initPools takes the pools over.
func (g *Gateway) initPools(parts Parts) *pooling {
	g.pools = map[string]*pool{}
	for name, next := range parts.Pools {
		g.pools[name] = &pool{name: name, next: next}
	}
	if parts.Pool != nil {
		g.pools[DefaultPool] = &pool{name: DefaultPool, next: parts.Pool}
	}
	g.poolNames = slices.Sorted(maps.Keys(g.pools))
	p := &pooling{g: g, only: g.pools[DefaultPool]}
	if p.only == nil {
		p.only = &pool{name: DefaultPool, next: noPool{}}
	}
	return p
}

// RoundTrip sends a request to the first pool of its route that can take it.
func (p *pooling) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	routes := x.cfg.Routes
	if len(routes) == 0 {
		p.only.requests.Add(1)
		return p.only.next.RoundTrip(req)
	}
	h, forModel := &heldBody{}, needsModel(x, routes)
	defer func() { p.held.Add(-h.reserved) }()
	if forModel {
		if err := p.hold(x, req, h, true); err != nil {
			return nil, err
		}
	}
	tiers := p.tiers(x, req, routes)
	if !forModel && len(tiers) > 1 {
		if err := p.hold(x, req, h, false); err != nil {
			return nil, err
		}
	}
	return p.send(x, req, h, tiers)
}

// tiers are the pools of a request, in order.
func (p *pooling) tiers(x *exchange, req *http.Request, routes []PoolRoute) []*pool {
	model := func() string {
		if x.model == nil {
			return ""
		}
		return x.model.asked.Asked().Model
	}
	for i := range routes {
		if !routes[i].fits(req.Host, req.URL.Path, model) {
			continue
		}
		tiers := make([]*pool, 0, maxTiers)
		for _, name := range routes[i].Pools {
			tiers = append(tiers, p.g.pools[name])
		}
		return tiers
	}
	return []*pool{p.only}
}

// send tries the tiers. The answer of the last one is that of the request.
func (p *pooling) send(x *exchange, req *http.Request, h *heldBody, tiers []*pool) (*http.Response, error) {
	attempts := 0
	defer func() { x.trace.Attempts += attempts }()
	for i, tier := range tiers {
		x.pool = tier.name
		tier.requests.Add(1)
		again := i+1 < len(tiers) && h.whole
		res, err := tier.next.RoundTrip(h.request(req))
		if !again || req.Context().Err() != nil || !overflows(res, err) {
			return res, err
		}
		tier.overflowed.Add(1)
		if res != nil {
			_ = res.Body.Close() // it is not passed on
		}
		attempts += x.trace.Attempts
		x.trace.Attempts = 0
	}
	return nil, errors.New("gateway: a route without pools") // Validate has seen to it
}

// overflows reports whether a pool could not take a request, and did nothing about it: no server was
// free, none could be reached, or one said that it has too much to do.
func overflows(res *http.Response, err error) bool {
	if err != nil {
		unavailable, ok := errors.AsType[*balancer.UnavailableError](err)
		dial, isDial := errors.AsType[*net.OpError](err)
		return ok && unavailable != nil || isDial && dial.Op == "dial"
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, statusOverloaded:
		return true
	}
	return false
}

// statusOverloaded is what some providers answer when they have too much to do.
const statusOverloaded = 529

// heldBody is the body of a request as far as it was read ahead.
type heldBody struct {
	bytes    []byte
	whole    bool // it is the whole body, and can be sent again
	reserved int64
}

// hold reads the body of a request ahead: one that is known to be short, or up to where it names
// its model. A body that may be made as the answer comes must not be waited for.
func (p *pooling) hold(x *exchange, req *http.Request, h *heldBody, forModel bool) error {
	if req.Body == nil || req.Body == http.NoBody {
		h.whole = true
		return nil
	}
	short := req.ContentLength >= 0 && req.ContentLength <= maxHeldBytes
	if !forModel && !short {
		return nil
	}
	if h.reserved = maxHeldBytes; short {
		h.reserved = req.ContentLength
	}
	if p.held.Add(h.reserved) > maxHeld {
		if forModel {
			return errNoRoom
		}
		return nil
	}
	var buf bytes.Buffer
	for {
		n, err := io.CopyN(&buf, req.Body, readBytes)
		h.bytes = buf.Bytes()
		switch {
		case errors.Is(err, io.EOF):
			h.whole = true
			_ = req.Body.Close() // it is read to its end
			return nil
		case err != nil:
			return err
		case n == 0 || len(h.bytes) >= maxHeldBytes:
			return nil
		case !short && x.model.asked.Asked().Model != "":
			return nil
		}
	}
}

// errNoRoom says that too much is held already.
var errNoRoom = &balancer.UnavailableError{
	Reason: balancer.ErrServersBusy, Detail: "too many bodies are being read for their model", RetryAfter: time.Second,
}

// request is the request with its body from the beginning.
func (h *heldBody) request(req *http.Request) *http.Request {
	if len(h.bytes) == 0 {
		return req
	}
	out := req.WithContext(req.Context())
	if h.whole {
		setBody(out, h.bytes)
		return out
	}
	out.Body = continued{io.MultiReader(bytes.NewReader(h.bytes), req.Body), req.Body}
	return out
}

// poolStats are the figures of all pools.
func (g *Gateway) poolStats() map[string]PoolStats {
	out := make(map[string]PoolStats, len(g.pools))
	for name, p := range g.pools {
		out[name] = PoolStats{p.requests.Load(), p.overflowed.Load()}
	}
	return out
}
