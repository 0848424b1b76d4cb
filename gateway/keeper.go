package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// keeper is the gateway's side of the cache.
type keeper struct {
	pages *cache.Cache[*page]
	count *counters
}

func newKeeper(group *cache.Group, name string, count *counters) (*keeper, error) {
	pages, err := cache.Named(group, name, cache.Options[*page]{Cost: (*page).cost, Codec: pageCodec{}})
	if err != nil {
		return nil, err
	}
	return &keeper{pages, count}, nil
}

// keyOf is the key of a request's target: the URI, with what the server will see of it. A
// host has no slash and an escaped path no question mark, so no two targets share a key.
func keyOf(r *http.Request) string {
	key := r.URL.Scheme + "://" + strings.ToLower(r.Host) + r.URL.EscapedPath()
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		key += "?" + r.URL.RawQuery
	}
	return key
}

// look is what the cache has for a request.
type look struct {
	key     string
	page    *page
	answer  *answer // nil: none for these headers
	outcome outcome // outcomeHit, outcomeStaleWhile: answer will do as it is
}

// look looks a request up in memory.
func (k *keeper) look(key string, req *http.Request, asked directives, now time.Time) look {
	p, _ := k.pages.Get(key)
	return judge(key, p, req, asked, now)
}

// lookFurther looks a request up where replicas share answers, past the memory. The mark is of
// the moment before.
func (k *keeper) lookFurther(key string, req *http.Request, asked directives) (look, cache.Mark) {
	p, since, _ := k.pages.Lookup(req.Context(), key)
	return judge(key, p, req, asked, time.Now()), since
}

// judge finds out what a page, or none, is to a request.
func judge(key string, p *page, req *http.Request, asked directives, now time.Time) look {
	l := look{key: key, page: p, outcome: outcomeMiss}
	if l.page == nil || len(l.page.variants) == 0 {
		return l
	}
	l.answer = l.page.find(req.Header)
	switch {
	case l.answer == nil:
		l.outcome = outcomeVaryMiss
	case !l.answer.shared && identified(req):
		l.answer, l.outcome = nil, outcomeBypass
	case asked.noCache:
		l.outcome = outcomeRequest
	case l.answer.fresh(now, asked):
		l.outcome = outcomeHit
	case l.answer.fresh(now, noDirectives()):
		l.outcome = outcomeRequest
	case l.answer.usable(now, l.answer.staleWhile, asked):
		l.outcome = outcomeStaleWhile
	default:
		l.outcome = outcomeStale
	}
	return l
}

// put keeps an answer, unless the target was forgotten since the mark or the flight was
// superseded.
func (k *keeper) put(f *flight, l look, a *answer, h http.Header, since cache.Mark) {
	k.set(f, l.key, l.page.with(a, h, time.Now()), cache.EntryOptions{Since: since, LoadTime: a.took, Price: a.price})
}

// set keeps a page. What one of its answers saves is accounted as what the newest does.
func (k *keeper) set(f *flight, key string, next *page, opts cache.EntryOptions) {
	ttl := next.keepFor(time.Now())
	if ttl <= 0 {
		return
	}
	opts.TTL = ttl
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.superseded {
		return
	}
	switch err := k.pages.Set(key, next, opts); {
	case err == nil:
		k.count.stored.Add(1)
	case !errors.Is(err, cache.ErrSuperseded):
		k.count.rejected.Add(1)
	}
}

// forget sees to it that what is kept of a target, here or by replicas, answers nobody any more.
func (k *keeper) forget(key string) { k.pages.Delete(key) }
