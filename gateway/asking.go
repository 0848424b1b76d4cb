package gateway

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// maxQuestionBytes is the longest body of a request whose answer is kept.
const maxQuestionBytes = 1 << 20

// ask answers a POST of a route whose answers are kept. What turns out to be no question passes
// like any other POST.
func (c *caching) ask(req *http.Request, route *postRoute) (*http.Response, error) {
	x := exchangeOf(req.Context())
	q, held, err := c.question(req, route)
	if err != nil {
		return nil, err
	}
	defer c.release(held)
	if q == nil {
		x.outcome = outcomeBypass
		return c.unsafe(req)
	}
	asked, now := requestDirectives(req.Header), time.Now()
	x.asks = true
	if asked.noStore {
		x.outcome = outcomeRequest
		return c.next.RoundTrip(req)
	}
	l := route.keep.lookAnswer(q, asked, now)
	if x.outcome = l.outcome; l.outcome == outcomeHit {
		return x.hit(l.answer, req, now), nil
	}
	if asked.onlyIfCached {
		x.outcome = outcomeUnmet
		return nil, errNotKept
	}
	return c.askTogether(req, route, q, asked)
}

// question reads the body of a request and makes a question of it, or leaves the reason in the
// exchange why it is none; the request can be sent either way. It holds so many bytes of the room
// for bodies.
func (c *caching) question(req *http.Request, route *postRoute) (q *question, held int, err error) {
	x := exchangeOf(req.Context())
	sent := x.request
	size := req.ContentLength
	if size < 0 {
		size = maxQuestionBytes
	}
	switch {
	case hidesHeaders(sent.Header) || sent.Header["Upgrade"] != nil || sent.Header["Range"] != nil:
		x.detail = whyConnection
		return nil, 0, nil
	case !isJSON(sent.Header):
		x.detail = whyType
		return nil, 0, nil
	case size == 0 || size > maxQuestionBytes || !c.reserve(int(size)):
		x.detail = whySize
		return nil, 0, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxQuestionBytes+1))
	if err != nil {
		c.release(int(size))
		return nil, 0, err
	}
	if len(body) > maxQuestionBytes {
		c.release(int(size))
		x.detail = whySize
		req.Body = continued{io.MultiReader(bytes.NewReader(body), req.Body), req.Body}
		return nil, 0, nil
	}
	_ = req.Body.Close() // it is read to its end
	setBody(req, body)
	q, x.detail = newQuestion(route, sent, body)
	return q, int(size), nil
}

// continued is a body of which the beginning was read before.
type continued struct {
	io.Reader
	io.Closer
}

// setBody gives a request a body that can be sent again.
func setBody(req *http.Request, body []byte) {
	req.Body, req.ContentLength, req.TransferEncoding = newBytesBody(body), int64(len(body)), nil
	req.GetBody = func() (io.ReadCloser, error) { return newBytesBody(body), nil }
}

// askTogether rides with the flight of a question or flies it. Whatever comes is for all who ask
// the same, failures included: who asks is a part of the question.
func (c *caching) askTogether(req *http.Request, route *postRoute, q *question, asked directives) (*http.Response, error) {
	x := exchangeOf(req.Context())
	for range maxRounds {
		f, leader := c.flights.join(req.Context(), q.key)
		if leader {
			return c.leadAsking(req, route, q, asked, f)
		}
		if asked.noCache || asked.maxAge == 0 { // what is under way is older than this request
			f.leave()
			break
		}
		if !f.wait(req.Context()) {
			f.leave()
			return nil, req.Context().Err()
		}
		if a := f.answer; a != nil && (a.form == q.form || a.status != http.StatusOK) {
			x.outcome = outcomeCollapsed
			x.spared(a, false)
			return f.ride(req, time.Now()), nil
		}
		err := f.err
		ended := await(req.Context(), f.landed) // the other form is made of the whole
		f.leave()
		switch now := time.Now(); {
		case err != nil:
			return nil, err
		case !ended:
			return nil, req.Context().Err()
		default:
			if l := route.keep.lookAnswer(q, asked, now); l.outcome == outcomeHit {
				x.outcome = outcomeCollapsed
				return x.hit(l.answer, req, now), nil
			}
		}
	}
	return c.next.RoundTrip(req)
}

// leadAsking asks the servers, for all who ask the same, and keeps the answer if it may.
func (c *caching) leadAsking(
	req *http.Request, route *postRoute, q *question, asked directives, f *flight,
) (*http.Response, error) {
	ride := c.begin(req, f)
	defer ride.end()
	x := exchangeOf(req.Context())
	l, since := route.keep.lookAnswerFurther(req, q, asked)
	if x.outcome = l.outcome; l.outcome == outcomeHit {
		f.open(l.answer, nil)
		return x.hit(l.answer, req, time.Now()), nil
	}
	out := req.Clone(f.ctx) //nolint:contextcheck // the flight's is made of the request's own
	setBody(out, q.body)
	out.Header["Accept-Encoding"] = []string{"identity"} // the answer is for others as well
	sent := time.Now()
	res, err := c.next.RoundTrip(out)
	if err != nil {
		f.err = err
		return nil, err
	}
	res.Request = req
	a, keeps := q.answer(res, route, sent)
	if res.StatusCode != http.StatusOK {
		c.flights.close(f) // those who ask from now on try again
	}
	keep := func(a *answer) *answer {
		if keeps && complete(a.body, a.form != formJSON) {
			a = x.priced(req, a)
			route.keep.putAnswer(f, l, a, since)
		}
		return a
	}
	return ride.share(res, &filling{answer: a, sent: sent, keep: keep}) //nolint:contextcheck // the ride has the request
}

// answer makes an answer, still without its body, of the response to a question, and says whether
// it may be kept once it is whole.
func (q *question) answer(res *http.Response, route *postRoute, sent time.Time) (a *answer, keeps bool) {
	now := time.Now()
	a = &answer{
		status: res.StatusCode, header: shown(res.Header), born: now, lifetime: route.TTL, took: now.Sub(sent),
		form: formJSON,
	}
	if isStream(res.Header) {
		if a.form = q.form; a.form == formJSON {
			a.form = formStream // nobody asked for it
		}
	}
	d := parseDirectives(res.Header["Cache-Control"])
	endless := res.ProtoMajor == 1 && res.ContentLength < 0 && len(res.TransferEncoding) == 0 && !res.Uncompressed
	coded := len(res.Header["Content-Encoding"]) > 0
	return a, res.StatusCode == http.StatusOK && !d.noStore && !endless && !coded && len(res.Trailer) == 0
}

// lookAnswer looks an answer to a question up in memory.
func (k *keeper) lookAnswer(q *question, asked directives, now time.Time) look {
	p, _ := k.pages.Get(q.key)
	return judgeAnswer(q, p, asked, now)
}

// lookAnswerFurther looks it up where replicas share answers, past the memory. The mark is of the
// moment before.
func (k *keeper) lookAnswerFurther(req *http.Request, q *question, asked directives) (look, cache.Mark) {
	p, since, _ := k.pages.Lookup(req.Context(), q.key)
	return judgeAnswer(q, p, asked, time.Now()), since
}

// judgeAnswer finds out what a page, or none, is to a question: an answer in the form that is
// wanted, or one that can be turned into it.
func judgeAnswer(q *question, p *page, asked directives, now time.Time) look {
	l := look{key: q.key, page: p, outcome: outcomeMiss}
	if p == nil {
		return l
	}
	usable := func(a *answer) bool { return !asked.noCache && a.fresh(now, asked) }
	stale := false
	for _, a := range p.variants {
		stale = stale || !usable(a)
		if a.form == q.form && usable(a) {
			l.answer, l.outcome = a, outcomeHit
			return l
		}
	}
	for _, a := range p.variants {
		if !usable(a) {
			continue
		}
		if other, err := a.as(q.form); err == nil {
			l.answer, l.outcome = other, outcomeHit
			return l
		}
	}
	if stale {
		l.outcome = outcomeRequest
	}
	return l
}

// putAnswer keeps an answer to a question, beside those in other forms unless a new one was asked
// for.
func (k *keeper) putAnswer(f *flight, l look, a *answer, since cache.Mark) {
	next := &page{variants: []*answer{a}}
	if l.page != nil && l.outcome != outcomeRequest {
		for _, old := range l.page.variants {
			if old.form != a.form && old.keepFor(a.born) > 0 {
				next.variants = append(next.variants, old)
			}
		}
	}
	k.set(f, l.key, next, cache.EntryOptions{Since: since, LoadTime: a.took, Price: a.price})
}
