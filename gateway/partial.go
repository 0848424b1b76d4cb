package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// part answers a request for one range of a kept answer that is whole and fresh (RFC 9110
// section 14), or returns nil: then the servers are asked, and what they say is not kept.
func (a *answer) part(req *http.Request, now time.Time) *http.Response {
	h := req.Header
	if a.status != http.StatusOK || isStream(a.header) || !a.unchanged(h["If-Range"]) || h["If-None-Match"] != nil ||
		h["If-Modified-Since"] != nil || len(h["Range"]) != 1 {
		return nil
	}
	size := int64(len(a.body))
	first, last, ok := oneRange(h.Get("Range"), size)
	if !ok {
		return nil
	}
	own := a.ownHeader()
	if first >= size {
		own = a.header304()
		own["Content-Range"] = []string{fmt.Sprintf("bytes */%d", size)}
		own["Content-Length"] = []string{"0"}
		return a.respond(req, http.StatusRequestedRangeNotSatisfiable, own, nil, now)
	}
	body := a.body[first : last+1]
	own["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", first, last, size)}
	own["Content-Length"] = []string{strconv.Itoa(len(body))}
	return a.respond(req, http.StatusPartialContent, own, body, now)
}

// unchanged reports whether the condition If-Range, if there is one, is that the answer is still
// the one that it was: it compares strongly, and does not go by dates.
func (a *answer) unchanged(condition []string) bool {
	if len(condition) == 0 {
		return true
	}
	tag := a.header.Get("Etag")
	return len(condition) == 1 && strings.HasPrefix(tag, `"`) && trim(condition[0]) == tag
}

// oneRange reads a Range header that asks for one range of so many bytes. Others, and what is
// malformed, are the servers' matter. A range that begins beyond the end has first at size.
func oneRange(s string, size int64) (first, last int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes=")
	from, to, dash := strings.Cut(trim(s), "-")
	if !ok || !dash || from == "" && to == "" {
		return 0, 0, false
	}
	last = size - 1
	if to != "" {
		n, err := strconv.ParseUint(to, 10, 62)
		if err != nil {
			return 0, 0, false
		}
		if from == "" { // the last n bytes
			if n == 0 {
				return size, last, true
			}
			return max(size-int64(n), 0), last, size > 0
		}
		last = min(int64(n), last)
	}
	n, err := strconv.ParseUint(from, 10, 62)
	if err != nil {
		return 0, 0, false
	}
	if first = min(int64(n), size); first < size && last < first {
		return 0, 0, false
	}
	return first, last, true
}
