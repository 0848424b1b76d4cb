package gateway

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// keepStale is how long an answer that can be revalidated is kept beyond its freshness.
	keepStale = time.Hour
	// answerOverhead is what an answer takes beside its body and headers.
	answerOverhead = 512
)

// answer is one kept response.
type answer struct {
	vary, values []string // header names of Vary, and what the request had in them
	status       int
	header       http.Header
	body         []byte
	form         form          // of an answer to a question
	born         time.Time     // when its age was zero
	lifetime     time.Duration // the age up to which it is fresh
	noCache      bool          // it must be revalidated each time
	shared       bool          // it may answer requests with credentials
	// How long beyond lifetime it may be given while it is fetched anew, and when that fails.
	staleWhile, staleOnError time.Duration
	took                     time.Duration // how long the servers took to make it
	price                    float64       // what they asked for it, in dollars; 0: not known
}

// credentials are the headers that say who asks.
var credentials = []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Api-Key"}

func isCredential(name string) bool { return slices.Contains(credentials, name) }

// identified reports whether a request says who asks. It goes by what the client sent: a header
// that it lists in Connection does not reach the server, and still says so.
func identified(req *http.Request) bool {
	sent := req.Header
	if x := exchangeOf(req.Context()); x != nil {
		sent = x.request.Header
	}
	return slices.ContainsFunc(credentials, func(name string) bool { return len(sent[name]) > 0 })
}

// cacheableStatus are final statuses that are kept when declared fresh. Server errors are
// not: frameworks declare them fresh by accident.
func cacheableStatus(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 451:
		return true
	}
	return false
}

// newAnswer makes an answer, still without its body, of the response to req, or returns nil
// when it may not be kept (RFC 9111 section 3).
func newAnswer(req *http.Request, res *http.Response, asked, received time.Time) *answer {
	switch {
	case !cacheableStatus(res.StatusCode), len(res.Trailer) > 0, isStream(res.Header):
		return nil
	case res.ProtoMajor == 1 && res.ContentLength < 0 && len(res.TransferEncoding) == 0 && !res.Uncompressed:
		return nil // its end cannot be told from a broken connection
	}
	return judged(req, res.StatusCode, storedHeader(res.Header), asked, received)
}

// judged makes an answer of headers that are as they will be kept, or nil.
func judged(req *http.Request, status int, h http.Header, asked, received time.Time) *answer {
	d := answerDirectives(h)
	shared := d.public || d.sMaxAge >= 0 || d.mustRevalidate
	vary, ok := varyNames(h)
	switch {
	case d.noStore, d.private, len(h["Set-Cookie"]) > 0, !ok, !shared && identified(req):
		return nil
	}
	a := &answer{
		vary: vary, values: varyValues(vary, req.Header), status: status, header: h, noCache: d.noCache, shared: shared,
	}
	a.date(d, asked, received)
	a.took = max(received.Sub(asked), 0)
	if !d.noCache && !d.mustRevalidate && !d.proxyRevalidate {
		a.staleWhile, a.staleOnError = max(d.staleWhile, 0), max(d.staleOnError, 0)
	}
	if !a.revalidatable() && (a.noCache || a.keepFor(received) <= 0) {
		return nil // nobody could ever be answered with it
	}
	return a
}

// date works out age and lifetime (RFC 9111 sections 4.2.1 and 4.2.3).
func (a *answer) date(d directives, asked, received time.Time) {
	sent, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		sent = received
		a.header.Set("Date", received.UTC().Format(http.TimeFormat))
	}
	// Date has whole seconds: a part of one says nothing.
	had, ok := ageOf(a.header["Age"])
	a.header.Del("Age")
	initial := max(received.Sub(sent).Truncate(time.Second), received.Sub(asked)+had, 0)
	a.born = received.Add(-initial)
	switch {
	case !ok: // nobody knows how old it is: not fresh
	case d.sMaxAge >= 0:
		a.lifetime = d.sMaxAge
	case d.maxAge >= 0:
		a.lifetime = d.maxAge
	case len(a.header["Expires"]) == 1:
		if expires, err := http.ParseTime(a.header.Get("Expires")); err == nil {
			a.lifetime = max(expires.Sub(sent), 0)
		}
	}
}

// ageOf is the age that an answer came with, and false where it is not said in one number.
func ageOf(values []string) (age time.Duration, ok bool) {
	switch {
	case len(values) == 0:
		return 0, true
	case len(values) > 1 || values[0] == "" || strings.Trim(values[0], "0123456789") != "":
		return 0, false
	}
	return seconds(values[0]), true
}

func (a *answer) age(now time.Time) time.Duration { return max(now.Sub(a.born), 0) }

// fresh reports whether the answer may be given at a time without asking the server.
func (a *answer) fresh(now time.Time, asked directives) bool {
	age := a.age(now)
	return !a.noCache && age < a.lifetime && (asked.maxAge < 0 || age <= asked.maxAge) &&
		a.lifetime-age >= asked.minFresh
}

// usable reports whether the answer may be given although it is not fresh any more, up to an age
// of window beyond that, to a client that did not ask for a fresher one.
func (a *answer) usable(now time.Time, window time.Duration, asked directives) bool {
	plain := !asked.noCache && asked.maxAge < 0 && asked.minFresh < 0
	return plain && window > 0 && a.age(now) < a.lifetime+window
}

func (a *answer) revalidatable() bool {
	return a.header.Get("Etag") != "" || a.header.Get("Last-Modified") != ""
}

// keepFor is how long the answer is worth keeping from now on.
func (a *answer) keepFor(now time.Time) time.Duration {
	left := a.lifetime - a.age(now)
	d := left + max(a.staleWhile, a.staleOnError)
	if a.revalidatable() {
		d = max(d, max(left, 0)+keepStale)
	}
	return d
}

// cost is the answer's size in memory.
func (a *answer) cost() int64 {
	n := int64(answerOverhead + len(a.body))
	for name, values := range a.header {
		n += int64(len(name)) + 48
		for _, v := range values {
			n += int64(len(v)) + 16
		}
	}
	for i := range a.vary {
		n += int64(len(a.vary[i])+len(a.values[i])) + 32
	}
	return n
}

// answers reports whether the answer is one to a request with these headers.
func (a *answer) answers(h http.Header) bool {
	for i, name := range a.vary {
		if varyValue(name, h) != a.values[i] {
			return false
		}
	}
	return true
}

// response makes the response to req that an answer is.
func (a *answer) response(req *http.Request, now time.Time) *http.Response {
	if a.notModified(req.Header) {
		return a.respond(req, http.StatusNotModified, a.header304(), nil, now)
	}
	h, body := a.ownHeader(), a.body
	if isStream(h) { // it comes as one that does not know its length
		res := a.respond(req, a.status, h, body, now)
		res.ContentLength = -1
		return res
	}
	if a.status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	if req.Method == http.MethodHead {
		body = nil
	}
	return a.respond(req, a.status, h, body, now)
}

// ownHeader is a copy of the headers: whoever adds to them gets his own.
func (a *answer) ownHeader() http.Header {
	h := make(http.Header, len(a.header)+4)
	for name, values := range a.header {
		h[name] = slices.Clip(values)
	}
	return h
}

// live makes the response to req that an answer is whose body still comes, of that length if it is
// not below zero.
func (a *answer) live(req *http.Request, now time.Time, body *listener, length int64) *http.Response {
	if a.notModified(req.Header) {
		_ = body.Close() // it is not read
		return a.respond(req, http.StatusNotModified, a.header304(), nil, now)
	}
	res := a.respond(req, a.status, a.ownHeader(), nil, now)
	res.Body, res.ContentLength = body, length
	return res
}

// header304 are the headers that a 304 must have (RFC 9110 section 15.4.5).
func (a *answer) header304() http.Header {
	h := http.Header{}
	for _, name := range []string{
		"Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Last-Modified", "Vary",
	} {
		if v, ok := a.header[name]; ok {
			h[name] = slices.Clip(v)
		}
	}
	return h
}

func (a *answer) respond(req *http.Request, status int, h http.Header, body []byte, now time.Time) *http.Response {
	h["Age"] = []string{strconv.FormatInt(int64(a.age(now)/time.Second), 10)}
	res := &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: http.NoBody, ContentLength: int64(len(body)), Request: req,
	}
	if len(body) > 0 {
		res.Body = newBytesBody(body)
	}
	return res
}

// notModified evaluates the conditions of a request (RFC 9111 section 4.3.2).
func (a *answer) notModified(h http.Header) bool {
	if a.status != http.StatusOK || a.form != formNone {
		return false
	}
	if conditions, ok := h["If-None-Match"]; ok {
		return etagMatches(conditions, a.header.Get("Etag"))
	}
	since, err := http.ParseTime(h.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(cmp.Or(a.header.Get("Last-Modified"), a.header.Get("Date")))
	return err == nil && !modified.After(since)
}

// etagMatches compares weakly, as If-None-Match does.
func etagMatches(conditions []string, etag string) bool {
	etag = strings.TrimPrefix(etag, "W/")
	for _, list := range conditions {
		if trim(list) == "*" {
			return true
		}
		for etag != "" && list != "" {
			var tag string
			if tag, list = nextEtag(list); tag == etag {
				return true
			}
		}
	}
	return false
}

// nextEtag takes one entity tag off a list, without W/. Tags may hold commas.
func nextEtag(list string) (tag, rest string) {
	open := strings.IndexByte(list, '"')
	if open < 0 {
		return "", ""
	}
	end := strings.IndexByte(list[open+1:], '"')
	if end < 0 {
		return "", ""
	}
	end += open + 2
	return list[open:end], list[end:]
}
