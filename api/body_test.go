package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// malformed are bodies that no route may take.
func malformed() []string {
	list := []string{
		`{`, `}`, `[`, `]`, `{]`, `[}`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{:}`,
		`nul`, `null`, `true`, `false`, `tru`, `1`, `-`, `-1`, `1.`, `.1`, `1e`, `1e999`, `0x10`, `01`, `+1`, `NaN`, `Infinity`, `-Infinity`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\ud800"`, `'a'`, `{'a':1}`, `{a:1}`, `undefined`, `{} {}`, `{}{}`, `{}]`, `{}x`, `{},`,
		`/*c*/{}`, `//c`, `<xml/>`, `<html>`, `a=b&c=d`, `---`, "\x00", "{\x00}", "\xff\xfe", "{\"a\":\"\xff\"}", "\ufeff{}", "{\"\xc0\x80\":1}",
		`[]`, `[[]]`, `[{}]`, `["a"]`, `[1,2,3]`, `""`, `"{}"`, `"token"`, `{"__proto__":{}}`, `{"constructor":1}`, `{"":1}`, `{" ":1}`,
		`{"$ref":"#"}`, `{"a":{"b":{"c":{}}}}`, `{"success":true}`, `{"data":{}}`, `{"enabled":"true","x":1}`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65),
		strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 100000), `{"a":"` + strings.Repeat("x", maxBody) + `"}`,
	}
	wide := &strings.Builder{} // many fields, none known
	for i := range 100_000 {
		fmt.Fprintf(wide, `,"%x":0`, i)
	}
	list = append(list, `{`+wide.String()[1:]+`}`)
	const whole = `{"id":"x","url":"http://127.0.0.1:1","weight":1,"max_connections":2,"status":"healthy","name":"n","role":"viewer"}`
	for i := range len(whole) {
		if i > 0 {
			list = append(list, whole[:i])
		}
		list = append(list, whole[:i]+"\x01"+whole[i+1:], whole[:i]+"\xff"+whole[i+1:])
	}
	fields := []string{"query", "params", "strategy", "id", "url", "host", "port", "weight", "max_connections", "status", "enabled", "threshold_seconds", "name", "role", "expires", "token", "tables"}
	values := []string{`[[]]`, `{}`, `{"a":1}`, `1e400`, `-1e400`, `"` + strings.Repeat("y", 70000) + `"`, `"\u0000x"`, `-99999999999999999999`}
	for _, f := range fields {
		for _, v := range values {
			list = append(list, fmt.Sprintf(`{"unknown_field":1,%q:%s}`, f, v))
		}
		list = append(list, fmt.Sprintf(`{%q:[1,{"a":[null]}],"zzz":0}`, f))
	}
	return list
}

func TestMalformedBodies(t *testing.T) {
	k := newKit(t, Parts{})
	routes := []string{
		"POST ./database/analyze", "POST ./database/vacuum", "PUT ./load-balancer/strategy", "POST ./load-balancer/servers",
		"PATCH ./load-balancer/servers/x", "PUT ./profiler", "POST ./tokens", "POST ./session",
		"POST ./cache/clear", "POST ./memory/gc", "POST ./config/reload", "POST ./database/optimize",
	}
	bodies := malformed()
	if len(bodies) < 500 {
		t.Fatalf("only %d bodies", len(bodies))
	}
	calls := 0
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		for i, body := range bodies {
			// Parts are off, which answers 409 only to what was understood.
			w := k.ask(Admin, method, base+strings.TrimPrefix(path, "."), body)
			calls++
			p := problemOf(t, w)
			if p.Status < 400 || p.Status >= 500 || p.Status == http.StatusConflict {
				t.Errorf("%s, body %d %.60q: %+v", route, i, body, p)
			}
			if strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), ".go:") {
				t.Errorf("%s, body %d: the answer shows our insides: %s", route, i, w.Body)
			}
		}
	}
	t.Logf("%d bodies, %d calls", len(bodies), calls)
}

func TestContentType(t *testing.T) {
	k := newKit(t, Parts{})
	for media, want := range map[string]int{
		"application/json": 409, "application/json; charset=utf-8": 409, "Application/JSON": 409,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "": 415,
		"application/problem+json": 415, "application/jsonx": 415, "text/json": 415, "application/json, text/plain": 415, ";": 415,
	} {
		w := k.ask(Admin, "PUT", base+"/load-balancer/strategy", `{"strategy":"adaptive"}`, withHeader("Content-Type", media))
		if p := problemOf(t, w); p.Status != want {
			t.Errorf("%q: %+v, want %d", media, p, want)
		}
	}
	if w := k.ask(Admin, "POST", base+"/memory/gc", "", withHeader("Content-Type", "text/plain")); w.Code != http.StatusConflict {
		t.Errorf("no body needs no type: %d", w.Code)
	}
}

func TestBodyWhereNoneBelongs(t *testing.T) {
	k := newKit(t, Parts{})
	for _, route := range []string{"GET ./status", "DELETE ./profiler/functions", "POST ./memory/gc"} {
		method, path, _ := strings.Cut(route, " ")
		w := k.ask(Admin, method, base+strings.TrimPrefix(path, "."), `{"x":1}`)
		if p := problemOf(t, w); p.Status != http.StatusBadRequest || !strings.Contains(p.Detail, "no body") {
			t.Errorf("%s: %+v", route, p)
		}
	}
	if w := k.ask(Admin, "POST", base+"/memory/gc", "{}"); w.Code != http.StatusConflict {
		t.Errorf("an empty object is no body: %d", w.Code)
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		strings.Repeat("[", 64) + strings.Repeat("]", 64): false,
		strings.Repeat("[", 65) + strings.Repeat("]", 65): true,
		strings.Repeat("{}", 1000):                        false,
		`"` + strings.Repeat("[", 100) + `"`:              false,
		`"\"` + strings.Repeat("[", 100) + `"`:            false,
		`"\\"` + strings.Repeat("[", 100):                 true,
		"":                                                false,
	} {
		if got := tooDeep([]byte(body)); got != want {
			t.Errorf("%.20q: %v, want %v", body, got, want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	k := newKit(t, Parts{})
	for _, tt := range []struct{ method, path, body, detail, hint string }{
		{"GET", "/metrics?huors=3", "", "query.huors: unknown parameter", "did you mean hours?"},
		{"GET", "/status?hours=3", "", "query.hours: unknown parameter", "none is known here"},
		{"POST", "/cache/clear?cache-type=x", "", "query.cache-type: unknown parameter", "did you mean cache_type?"},
		{"GET", "/audit?limit=1&limit=2", "", "query.limit: given more than once", ""},
		{"PUT", "/profiler", `{"treshold_seconds":1}`, "body.treshold_seconds: unknown field", "did you mean threshold_seconds?"},
		{"POST", "/tokens", `{"name":"a","rolle":"viewer"}`, "body.rolle: unknown field", "did you mean role?"},
		{"POST", "/tokens", `{"name":"a"}`, "body: expected required property role to be present", ""},
	} {
		p := problemOf(t, k.ask(Admin, tt.method, base+tt.path, tt.body))
		found := false
		for _, f := range p.Faults {
			found = found || f.Location+": "+f.Message == tt.detail && f.Hint == tt.hint
		}
		if p.Status != http.StatusBadRequest || !found {
			t.Errorf("%s %s %s: %+v, want %q %q", tt.method, tt.path, tt.body, p, tt.detail, tt.hint)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"hours", "start", "end", "step"}
	for name, want := range map[string]string{
		"hour": "hours", "HOURS": "hours", "stat": "start", "zzzzzz": "", "": "", strings.Repeat("x", 100): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestOneNameInTwoCases is a way around validation: one is checked, the other used.
func TestOneNameInTwoCases(t *testing.T) {
	k := newKit(t, realParts(t))
	before := k.parts.Profiler.Threshold()
	for _, body := range []string{
		`{"threshold_seconds":1,"THRESHOLD_SECONDS":-5}`, `{"Threshold_Seconds":-5,"threshold_seconds":1}`,
		`{"threshold_seconds":1,"threſhold_seconds":-5}`, `{"enabled":true,"Enabled":false}`,
	} {
		if p := problemOf(t, k.ask(Admin, "PUT", base+"/profiler", body)); p.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", body, p)
		}
	}
	p := problemOf(t, k.ask(Admin, "POST", base+"/tokens", `{"name":"a","role":"viewer","ROLE":"admin"}`))
	if p.Status != http.StatusBadRequest || k.parts.Profiler.Threshold() != before {
		t.Errorf("%+v, threshold %v", p, k.parts.Profiler.Threshold())
	}
}

// A form of PromQL is bounded, and read while a slow sender still has a deadline.
func TestFormsAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{})
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	w := k.ask(Viewer, "POST", "/api/v1/query", "query="+strings.Repeat("1", maxBody), form)
	if p := problemOf(t, w); p.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %+v", p)
	}
}
