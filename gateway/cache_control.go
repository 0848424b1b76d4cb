package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// directives are those of Cache-Control that matter to a shared cache (RFC 9111 section 5.2),
// of a request or an answer. Durations below zero were not given.
type directives struct {
	noStore, noCache, private, public bool
	mustRevalidate, onlyIfCached      bool
	proxyRevalidate                   bool
	maxAge, sMaxAge, minFresh         time.Duration
	// How long beyond its freshness an answer may be given while it is fetched anew, and when that
	// fails (RFC 5861).
	staleWhile, staleOnError time.Duration
}

// maxSeconds is what larger numbers mean, as section 1.2.2 says.
const maxSeconds = 1<<31 - 1

// parseDirectives reads the Cache-Control headers. What it does not know it skips. Of a
// directive given twice the stricter counts, and so does one that is malformed: an age that
// is no number is zero. The forms of no-cache and private that name headers count as the
// forms without.
func parseDirectives(values []string) directives {
	d := noDirectives()
	for _, v := range values {
		for v != "" {
			var name, arg string
			name, arg, v = nextDirective(v)
			d.add(name, arg)
		}
	}
	return d
}

func noDirectives() directives {
	return directives{maxAge: -1, sMaxAge: -1, minFresh: -1, staleWhile: -1, staleOnError: -1}
}

func (d *directives) add(name, arg string) {
	switch strings.ToLower(name) {
	case "no-store":
		d.noStore = true
	case "no-cache":
		d.noCache = true
	case "private":
		d.private = true
	case "public":
		d.public = true
	case "must-revalidate":
		d.mustRevalidate = true
	case "proxy-revalidate":
		d.proxyRevalidate = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "max-age":
		stricter(&d.maxAge, seconds(arg))
	case "s-maxage":
		stricter(&d.sMaxAge, seconds(arg))
	case "min-fresh":
		d.minFresh = max(d.minFresh, seconds(arg))
	case "stale-while-revalidate":
		stricter(&d.staleWhile, seconds(arg))
	case "stale-if-error":
		stricter(&d.staleOnError, seconds(arg))
	}
}

func stricter(d *time.Duration, v time.Duration) {
	if *d < 0 || v < *d {
		*d = v
	}
}

// seconds reads a number of seconds; whatever is none is zero.
func seconds(s string) time.Duration {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		n = maxSeconds // too many digits
	}
	return time.Duration(min(n, maxSeconds)) * time.Second
}

// nextDirective takes one directive off a list: name, name=token or name="quoted".
func nextDirective(s string) (name, arg, rest string) {
	end := strings.IndexAny(s, ",=")
	switch {
	case end < 0:
		return trim(s), "", ""
	case s[end] == ',':
		return trim(s[:end]), "", s[end+1:]
	}
	name, s = trim(s[:end]), strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		arg, rest, _ = strings.Cut(s, ",")
		return name, trim(arg), rest
	}
	arg, rest = unquote(s)
	_, rest, _ = strings.Cut(rest, ",")
	return name, arg, rest
}

// unquote takes a quoted string off the front of s; one that is not closed goes to the end.
func unquote(s string) (content, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

func trim(s string) string { return strings.Trim(s, " \t") }

// requestDirectives are those of a request; Pragma counts where there is no Cache-Control.
func requestDirectives(h http.Header) directives {
	values := h["Cache-Control"]
	d := parseDirectives(values)
	if len(values) == 0 && strings.Contains(strings.ToLower(h.Get("Pragma")), "no-cache") {
		d.noCache = true
	}
	return d
}

// answerDirectives are those of an answer. What CDN-Cache-Control (RFC 9213) forbids is
// forbidden here too; what it allows is not ours.
func answerDirectives(h http.Header) directives {
	d := parseDirectives(h["Cache-Control"])
	if cdn := h["Cdn-Cache-Control"]; len(cdn) > 0 {
		c := parseDirectives(cdn)
		d.noStore, d.private, d.noCache = d.noStore || c.noStore, d.private || c.private, d.noCache || c.noCache
	}
	return d
}
