package gateway

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// maxVariants are kept of one target; the oldest goes first.
const maxVariants = 16

// page is what is kept of one target: an answer for each set of request headers that the
// server tells apart. Pages and answers never change.
type page struct{ variants []*answer }

// find returns the newest answer to a request with these headers, or nil.
func (p *page) find(h http.Header) *answer {
	if p == nil {
		return nil
	}
	for _, a := range slices.Backward(p.variants) {
		if a.answers(h) {
			return a
		}
	}
	return nil
}

// with returns the page with one more answer, in place of those that it stands for as well,
// and without those that are of no use any more.
func (p *page) with(a *answer, h http.Header, now time.Time) *page {
	next := &page{}
	if p != nil {
		for _, old := range p.variants {
			if !old.answers(h) && old.keepFor(now) > 0 {
				next.variants = append(next.variants, old)
			}
		}
	}
	if over := len(next.variants) + 1 - maxVariants; over > 0 {
		next.variants = next.variants[over:]
	}
	next.variants = append(next.variants, a)
	return next
}

func (p *page) cost() (n int64) {
	for _, a := range p.variants {
		n += a.cost()
	}
	return n
}

func (p *page) keepFor(now time.Time) (d time.Duration) {
	for _, a := range p.variants {
		d = max(d, a.keepFor(now))
	}
	return d
}

// varyNames are the header names of Vary, sorted; false when nothing can be told from them.
func varyNames(h http.Header) ([]string, bool) {
	var names []string
	for _, v := range h["Vary"] {
		for name := range strings.SplitSeq(v, ",") {
			switch name = trim(name); {
			case name == "*":
				return nil, false
			case name != "":
				names = append(names, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

func varyValues(names []string, h http.Header) []string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = varyValue(name, h)
	}
	return values
}

// varyValue is what a request has in a header: all its lines as one list, without the space
// around its members. That there is none differs from an empty one.
func varyValue(name string, h http.Header) string {
	lines, ok := h[name]
	if !ok {
		return "\x00"
	}
	list := trim(strings.Join(lines, ","))
	if !strings.Contains(list, ",") || strings.Contains(list, `"`) {
		return list
	}
	members := strings.Split(list, ",")
	for i, m := range members {
		members[i] = trim(m)
	}
	return strings.Join(members, ",")
}
