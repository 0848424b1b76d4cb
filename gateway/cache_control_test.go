package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDirectives(t *testing.T) {
	t.Parallel()
	none := noDirectives()
	with := func(change func(*directives)) directives {
		d := none
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name   string
		values []string
		want   directives
	}{
		{"nothing", nil, none},
		{"empty", []string{"", " , ,, "}, none},
		{"unknown", []string{"immutable, foo=bar, max-stale=5"}, none},
		{"stale", []string{"stale-while-revalidate=5, stale-if-error=x, proxy-revalidate"}, with(func(d *directives) {
			d.staleWhile, d.staleOnError, d.proxyRevalidate = 5*time.Second, 0, true
		})},
		{"case and space", []string{" No-Store ,\tPRIVATE"}, with(func(d *directives) { d.noStore, d.private = true, true })},
		{"several lines", []string{"public", "must-revalidate"}, with(func(d *directives) { d.public, d.mustRevalidate = true, true })},
		{"ages", []string{"max-age=60, s-maxage=30, min-fresh=5"}, with(func(d *directives) {
			d.maxAge, d.sMaxAge, d.minFresh = time.Minute, 30*time.Second, 5*time.Second
		})},
		{"the smaller age", []string{"max-age=60, max-age=30", "max-age=90"}, with(func(d *directives) { d.maxAge = 30 * time.Second })},
		{"quoted age", []string{`max-age="60"`}, with(func(d *directives) { d.maxAge = time.Minute })},
		{"no number", []string{"max-age=abc"}, with(func(d *directives) { d.maxAge = 0 })},
		{"negative", []string{"max-age=-5"}, with(func(d *directives) { d.maxAge = 0 })},
		{"no value", []string{"max-age"}, with(func(d *directives) { d.maxAge = 0 })},
		{"fraction", []string{"max-age=1.5"}, with(func(d *directives) { d.maxAge = 0 })},
		{"huge", []string{"max-age=99999999999999999999999"}, with(func(d *directives) { d.maxAge = maxSeconds * time.Second })},
		{"header names", []string{`private="x, no-store", no-cache=set-cookie`}, with(func(d *directives) { d.private, d.noCache = true, true })},
		{"names in quotes are none", []string{`foo="no-store, private"`}, none},
		{"escaped quote", []string{`foo="a\", no-store", public`}, with(func(d *directives) { d.public = true })},
		{"open quote", []string{`foo="no-store`}, none},
		{"space before =", []string{"max-age =60"}, with(func(d *directives) { d.maxAge = time.Minute })},
		{"only-if-cached", []string{"only-if-cached"}, with(func(d *directives) { d.onlyIfCached = true })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parseDirectives(tt.values)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(directives{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPragma(t *testing.T) {
	t.Parallel()
	if !requestDirectives(http.Header{"Pragma": {"No-Cache"}}).noCache {
		t.Error("Pragma: no-cache does not count")
	}
	if requestDirectives(http.Header{"Pragma": {"no-cache"}, "Cache-Control": {"max-age=5"}}).noCache {
		t.Error("Pragma counts beside Cache-Control")
	}
}

func FuzzParseDirectives(f *testing.F) {
	for _, s := range []string{"no-store", `private="a, b", max-age="5"`, `x="\`, "max-age=1,max-age=2", "=,=,\"\"", "s-maxage"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := parseDirectives([]string{s})
		for _, age := range []time.Duration{d.maxAge, d.sMaxAge, d.minFresh} {
			if age < -1 || age > maxSeconds*time.Second {
				t.Errorf("age %v of %q", age, s)
			}
		}
		// What forbids to keep is never lost by what stands beside it.
		if both := parseDirectives([]string{s, "no-store"}); !both.noStore {
			t.Errorf("no-store was lost beside %q", s)
		}
		if !strings.Contains(s, `"`) {
			if both := parseDirectives([]string{s + ",private"}); !both.private {
				t.Errorf("private was lost behind %q", s)
			}
		}
		again := parseDirectives([]string{s, s})
		if diff := cmp.Diff(d, again, cmp.AllowUnexported(directives{})); diff != "" {
			t.Errorf("%q given twice: %s", s, diff)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("a", "/b", "c=d", "a", "/b?c=d", "")
	f.Add("a", "/", "", "a", "//", "")
	f.Add("A", "/x", "", "a", "/x", "")
	f.Fuzz(func(t *testing.T, host1, target1, query1, host2, target2, query2 string) {
		a, ok1 := requestFor(host1, target1, query1)
		b, ok2 := requestFor(host2, target2, query2)
		if !ok1 || !ok2 {
			return
		}
		same := strings.EqualFold(a.Host, b.Host) && a.URL.EscapedPath() == b.URL.EscapedPath() &&
			a.URL.RawQuery == b.URL.RawQuery && a.URL.ForceQuery == b.URL.ForceQuery
		if (keyOf(a) == keyOf(b)) != same {
			t.Errorf("keys %q and %q of targets that are the same: %v", keyOf(a), keyOf(b), same)
		}
	})
}

// requestFor is a request that the gateway would take.
func requestFor(host, target, query string) (*http.Request, bool) {
	if query != "" {
		target += "?" + query
	}
	r, err := http.ReadRequest(newReader("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"))
	if err != nil {
		return nil, false
	}
	x := &exchange{request: r, cfg: &settings{}}
	if x.check() != nil {
		return nil, false
	}
	r.URL.Scheme, r.URL.Host = "http", r.Host
	return r, true
}

func FuzzVary(f *testing.F) {
	f.Add("Accept, Accept-Encoding", "text/html", "gzip", "text/html", "gzip")
	f.Add("*", "", "", "", "")
	f.Add("accept,,ACCEPT", "a, b", "", "a,b", "")
	f.Fuzz(func(t *testing.T, vary, accept1, encoding1, accept2, encoding2 string) {
		names, ok := varyNames(http.Header{"Vary": {vary}})
		if !ok {
			return
		}
		one := http.Header{"Accept": {accept1}, "Accept-Encoding": {encoding1}}
		two := http.Header{"Accept": {accept2}, "Accept-Encoding": {encoding2}}
		a := &answer{vary: names, values: varyValues(names, one)}
		if !a.answers(one) {
			t.Errorf("Vary %q: the answer does not answer its own request", vary)
		}
		for _, name := range names {
			plain := strings.NewReplacer(" ", "", "\t", "")
			if plain.Replace(one.Get(name)) != plain.Replace(two.Get(name)) && a.answers(two) {
				t.Errorf("Vary %q: answered a request with another %s", vary, name)
			}
		}
	})
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	req := &http.Request{Method: http.MethodGet, Header: http.Header{}}
	for _, tt := range []struct {
		name           string
		header         http.Header
		delay          time.Duration // between request and answer
		kept           bool
		age, freshness time.Duration
	}{
		{"max-age", http.Header{"Cache-Control": {"max-age=60"}}, 0, true, 0, time.Minute},
		{"s-maxage goes first", http.Header{"Cache-Control": {"max-age=60, s-maxage=10"}}, 0, true, 0, 10 * time.Second},
		{"max-age goes before Expires", http.Header{
			"Cache-Control": {"max-age=60"}, "Date": {at(0)}, "Expires": {at(time.Hour)},
		}, 0, true, 0, time.Minute},
		{"Expires", http.Header{"Date": {at(0)}, "Expires": {at(time.Hour)}}, 0, true, 0, time.Hour},
		{"Expires by the server's clock", http.Header{"Date": {at(-time.Hour)}, "Expires": {at(time.Hour)}}, 0, true, time.Hour, 2 * time.Hour},
		{"Expires in the past", http.Header{"Date": {at(0)}, "Expires": {at(-time.Hour)}}, 0, false, 0, 0},
		{"Expires: 0", http.Header{"Expires": {"0"}}, 0, false, 0, 0},
		{"two Expires", http.Header{"Expires": {at(time.Hour), at(time.Minute)}}, 0, false, 0, 0},
		{"nothing", http.Header{}, 0, false, 0, 0},
		{"no heuristic", http.Header{"Last-Modified": {at(-1000 * time.Hour)}}, 0, true, 0, 0},
		{"Age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"20"}}, 0, true, 20 * time.Second, time.Minute},
		{"Age and delay", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"20"}}, 5 * time.Second, true, 25 * time.Second, time.Minute},
		{"old Age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"60"}}, 0, false, 0, 0},
		{"list of Ages", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"0, 0"}}, 0, false, 0, 0},
		{"two Ages", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"0", "30"}}, 0, false, 0, 0},
		{"bad Age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"abc"}}, 0, false, 0, 0},
		{"negative Age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"-1"}}, 0, false, 0, 0},
		{"old Date", http.Header{"Cache-Control": {"max-age=60"}, "Date": {at(-30 * time.Second)}}, 0, true, 30 * time.Second, time.Minute},
		{"Date in the future", http.Header{"Cache-Control": {"max-age=60"}, "Date": {at(time.Hour)}}, 0, true, 0, time.Minute},
		{"bad Date", http.Header{"Cache-Control": {"max-age=60"}, "Date": {"yesterday"}}, 0, true, 0, time.Minute},
		{"max-age=0 with an ETag", http.Header{"Cache-Control": {"max-age=0"}, "Etag": {`"x"`}}, 0, true, 0, 0},
		{"no-cache without one", http.Header{"Cache-Control": {"no-cache, max-age=60"}}, 0, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := judged(req, http.StatusOK, tt.header.Clone(), now.Add(-tt.delay), now)
			switch {
			case (a != nil) != tt.kept:
				t.Errorf("kept %v, want %v", a != nil, tt.kept)
			case a == nil:
			case a.age(now) != tt.age || a.lifetime != tt.freshness:
				t.Errorf("age %v, lifetime %v; want %v and %v", a.age(now), a.lifetime, tt.age, tt.freshness)
			case a.fresh(now, directives{maxAge: -1}) != (tt.age < tt.freshness):
				t.Errorf("fresh: %v", a.fresh(now, directives{maxAge: -1}))
			case a.header.Get("Date") == "" || a.header.Get("Age") != "":
				t.Errorf("kept headers %v; want a Date and no Age", a.header)
			}
		})
	}
}

func TestEtagMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		condition, etag string
		want            bool
	}{
		{`"a"`, `"a"`, true},
		{`W/"a"`, `"a"`, true},
		{`"a"`, `W/"a"`, true},
		{`"b", "a"`, `"a"`, true},
		{`"b,c", W/"a"`, `"a"`, true},
		{`"ab"`, `"a"`, false},
		{`a`, `"a"`, false},
		{`*`, `"a"`, true},
		{`"`, `"a"`, false},
		{`""`, ``, false},
	} {
		if got := etagMatches([]string{tt.condition}, tt.etag); got != tt.want {
			t.Errorf("%s against %s: %v, want %v", tt.condition, tt.etag, got, tt.want)
		}
	}
}

func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var p *page
	for i := range 3 * maxVariants {
		h := http.Header{"Accept": {strings.Repeat("x", i+1)}}
		a := judged(&http.Request{Header: h}, http.StatusOK, http.Header{"Vary": {"Accept"}, "Cache-Control": {"max-age=60"}}, now, now)
		p = p.with(a, h, now)
		if p.find(h) != a {
			t.Fatalf("variant %d is not found", i)
		}
	}
	if len(p.variants) != maxVariants {
		t.Errorf("%d variants, want %d", len(p.variants), maxVariants)
	}
	if p.find(http.Header{"Accept": {"x"}}) != nil {
		t.Error("the oldest variant is still there")
	}
}
