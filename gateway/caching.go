package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
)

const (
	// maxRounds is how often a request looks for an answer of another one.
	maxRounds = 3
	// eagerBytes is the longest body that is read whole before it is passed on, so that others
	// need not wait for the client that asked first.
	eagerBytes = 64 << 10
	// maxFilling bounds the bytes of bodies that are being copied for the cache.
	maxFilling = 64 << 20
)

// caching answers from the cache and fills it. It is a shared cache as RFC 9111 describes.
type caching struct {
	next    http.RoundTripper
	keep    *keeper
	flights *flights
	filling atomic.Int64 // bytes of bodies that are being copied
	// refreshes are fetching answers anew that are given meanwhile.
	refreshes atomic.Int64
}

// RoundTrip answers a request from the cache or the servers.
func (c *caching) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		x.outcome = outcomeMethod
		return c.next.RoundTrip(req)
	default:
		if route := x.cfg.post(req); route != nil {
			return c.ask(req, route)
		}
		x.outcome = outcomeMethod
		return c.unsafe(req)
	}
	asked := requestDirectives(req.Header)
	switch {
	case bypasses(req):
		return c.partly(req, asked)
	case asked.noStore:
		x.outcome = outcomeRequest
		return c.next.RoundTrip(req)
	}
	now := time.Now()
	l := c.keep.look(keyOf(req), req, asked, now)
	x.outcome = l.outcome
	switch {
	case l.outcome == outcomeStaleWhile:
		c.refresh(req, l)
		return x.hit(l.answer, req, now), nil
	case l.outcome == outcomeHit:
		return x.hit(l.answer, req, now), nil
	case asked.onlyIfCached:
		x.outcome = outcomeUnmet
		return nil, errNotKept
	case req.Method == http.MethodHead || !c.flights.shareable(l.key):
		return c.alone(req, l)
	}
	return c.together(req, asked, l)
}

// partly answers a request for a range from a kept answer. Otherwise it must reach the server, as
// must all that a cache cannot decide.
func (c *caching) partly(req *http.Request, asked directives) (*http.Response, error) {
	x := exchangeOf(req.Context())
	if req.Method == http.MethodGet && req.Header["Range"] != nil && !bypassesAlways(req) && !asked.noStore {
		now := time.Now()
		if l := c.keep.look(keyOf(req), req, asked, now); l.outcome == outcomeHit {
			if res := l.answer.part(req, now); res != nil {
				x.outcome = outcomeHit
				x.hits(l.answer, now)
				return res, nil
			}
		}
	}
	x.outcome = outcomeBypass
	return c.next.RoundTrip(req)
}

// bypasses reports whether a safe request is none that a whole kept answer could serve.
func bypasses(req *http.Request) bool {
	return req.Header["Range"] != nil || req.Header["If-Range"] != nil || bypassesAlways(req)
}

func bypassesAlways(req *http.Request) bool {
	h := req.Header
	return req.Body != nil && req.Body != http.NoBody || h["If-Match"] != nil || h["If-Unmodified-Since"] != nil ||
		h["Upgrade"] != nil
}

// hit answers from the cache.
func (x *exchange) hit(a *answer, req *http.Request, now time.Time) *http.Response {
	x.hits(a, now)
	return a.response(req, now)
}

// hits notes that a kept answer is given.
func (x *exchange) hits(a *answer, now time.Time) {
	x.spared(a, true)
	x.freshFor = a.lifetime - a.age(now)
}

// alone asks the servers and keeps nothing, but learns whether it could.
func (c *caching) alone(req *http.Request, l look) (*http.Response, error) {
	asked := time.Now()
	res, err := c.next.RoundTrip(req)
	if rescue := c.staleOnError(req, res, err, l); rescue != nil {
		return rescue, nil
	}
	if err == nil && req.Method == http.MethodGet && newAnswer(req, res, asked, time.Now()) != nil {
		c.flights.note(l.key, true)
	}
	return res, err
}

// together rides with the flight of the key or flies it.
func (c *caching) together(req *http.Request, asked directives, l look) (*http.Response, error) {
	x := exchangeOf(req.Context())
	follows := !asked.noCache && asked.maxAge != 0 && !identified(req)
	for range maxRounds {
		f, leader := c.flights.join(req.Context(), l.key)
		if leader {
			return c.lead(req, asked, l, f)
		}
		if !follows {
			f.leave()
			break
		}
		if !f.waitAWhile(req.Context()) {
			f.leave()
			break
		}
		now := time.Now()
		if a := f.answer; a != nil && a.answers(req.Header) && a.fresh(now, asked) {
			x.outcome = outcomeCollapsed
			x.spared(a, false)
			return f.ride(req, now), nil
		}
		f.leave()
		if f.unshareable {
			break
		}
		if l = c.keep.look(l.key, req, asked, now); l.outcome == outcomeHit {
			x.outcome = outcomeCollapsed
			return x.hit(l.answer, req, now), nil
		}
		x.outcome = l.outcome
	}
	return c.alone(req, l)
}

// lead flies: it asks the servers and keeps the answer if it may. The flight goes on without the
// client that began it as long as others ride, and lands in any case: here, or at the end of the
// body.
func (c *caching) lead(req *http.Request, asked directives, l look, f *flight) (*http.Response, error) {
	ride := c.begin(req, f)
	defer ride.end()
	x := exchangeOf(req.Context())
	// Things may have changed since the look, and a replica may have the answer.
	l, since := c.keep.lookFurther(l.key, req, asked)
	if x.outcome = l.outcome; l.outcome == outcomeHit {
		f.open(l.answer, nil)
		return x.hit(l.answer, req, time.Now()), nil
	}
	out := revalidation(req, l.answer)
	at := times{sent: time.Now()}
	res, err := c.next.RoundTrip(out.WithContext(f.ctx)) //nolint:contextcheck // the flight's is made of the request's own
	if rescue := c.staleOnError(req, res, err, l); rescue != nil {
		return rescue, nil
	}
	if err != nil {
		return nil, err
	}
	at.received = time.Now()
	res.Request = req
	if out != req && res.StatusCode == http.StatusNotModified {
		return c.confirmed(req, res, l, f, since, at)
	}
	a := newAnswer(req, res, at.sent, at.received)
	if a == nil || res.ContentLength > x.cfg.CacheMaxBodyBytes {
		if ride.unshareable = res.StatusCode < 500 && res.StatusCode != http.StatusNotModified; ride.unshareable {
			c.flights.note(l.key, false)
		}
		return ride.pass(res)
	}
	c.flights.note(l.key, true)
	keep := func(a *answer) *answer {
		a = x.priced(req, a)
		c.keep.put(f, l, a, req.Header, since)
		return a
	}
	return ride.share(res, &filling{answer: a, sent: at.sent, keep: keep}) //nolint:contextcheck // the ride has the request
}

// times are when a request was sent and its answer came.
type times struct{ sent, received time.Time }

// revalidation is the request with the conditions of a kept answer (RFC 9111 section 4.3.1),
// or the request itself when there is nothing to confirm or the client has conditions of its
// own.
func revalidation(req *http.Request, a *answer) *http.Request {
	h := req.Header
	if a == nil || !a.revalidatable() || h["If-None-Match"] != nil || h["If-Modified-Since"] != nil {
		return req
	}
	out := req.WithContext(req.Context())
	out.Header = h.Clone()
	if tag := a.header.Get("Etag"); tag != "" {
		out.Header.Set("If-None-Match", tag)
	}
	if modified := a.header.Get("Last-Modified"); modified != "" {
		out.Header.Set("If-Modified-Since", modified)
	}
	return out
}

// bodyHeaders describe the body that is kept; a 304 does not change them (RFC 9111 section 3.2).
var bodyHeaders = []string{"Content-Encoding", "Content-Length", "Content-Md5", "Content-Range", "Etag"}

// confirmed answers with the kept answer that the server confirmed, renewed by the headers of
// its 304 (RFC 9111 section 4.3.4).
func (c *caching) confirmed(
	req *http.Request, res *http.Response, l look, f *flight, since cache.Mark, at times,
) (*http.Response, error) {
	_ = res.Body.Close() // it is empty
	x := exchangeOf(req.Context())
	x.outcome = outcomeRevalidated
	update := storedHeader(res.Header)
	removeHeaders(update, bodyHeaders)
	h := l.answer.header.Clone()
	for name, values := range update {
		h[name] = values
	}
	renewed := judged(req, l.answer.status, h, at.sent, at.received)
	if renewed == nil { // it may be given once more, but not be kept
		c.keep.forget(l.key)
		once := *l.answer
		once.header, once.born = h, at.received
		return once.response(req, at.received), nil
	}
	renewed.body = l.answer.body
	renewed.took = l.answer.took // what a hit spares is the whole answer
	renewed.price = l.answer.price
	c.keep.put(f, l, renewed, req.Header, since)
	f.open(renewed, nil)
	return renewed.response(req, at.received), nil
}

// unsafe passes on a request that changes something, and forgets what it may have changed
// (RFC 9111 section 4.4).
func (c *caching) unsafe(req *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(req)
	if err != nil || res.StatusCode >= 400 {
		return res, err
	}
	c.invalidate(keyOf(req))
	for _, name := range []string{"Location", "Content-Location"} {
		if target := res.Header.Get(name); target != "" {
			c.invalidateReference(req, target)
		}
	}
	return res, nil
}

// invalidateReference forgets what a header of the answer points to, on the same host.
func (c *caching) invalidateReference(req *http.Request, target string) {
	ref, err := url.Parse(target)
	if err != nil {
		return
	}
	u := (&url.URL{Scheme: req.URL.Scheme, Host: req.Host, Path: req.URL.Path, RawPath: req.URL.RawPath}).ResolveReference(ref)
	if strings.EqualFold(u.Host, req.Host) {
		c.invalidate(keyOf(&http.Request{URL: u, Host: u.Host}))
	}
}

func (c *caching) invalidate(key string) {
	c.flights.supersede(key)
	c.keep.forget(key)
}

// reserve asks for room to copy n further bytes.
func (c *caching) reserve(n int) bool {
	if c.filling.Add(int64(n)) > maxFilling {
		c.filling.Add(int64(-n))
		return false
	}
	return true
}

func (c *caching) release(n int) { c.filling.Add(int64(-n)) }
