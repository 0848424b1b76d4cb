package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func routeOfTest(when string, ignored ...string) *postRoute {
	r := &postRoute{PostRoute: PostRoute{Path: "/v1/*", When: when}, ignored: map[string]bool{}}
	for _, name := range ignored {
		r.ignored[name] = true
	}
	return r
}

func sentOfTest(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://gateway/v1/chat/completions?v=1", http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestWhatIsAQuestion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body, when, why string
		form            form
	}{
		{`{"temperature":0}`, WhenTemperatureZero, "", formJSON},
		{` { "temperature" : 0.0 , "stream" : true } `, WhenTemperatureZero, "", formStream},
		{`{"temperature":-0e5,"stream":true,"stream_options":{ "include_usage": true }}`, WhenTemperatureZero, "", formStreamUsage},
		{`{"temperature":0,"stream":true,"stream_options":{"include_usage":false}}`, WhenTemperatureZero, "", formStream},
		{`{"temperature":0,"stream":null,"stream_options":null}`, WhenTemperatureZero, "", formJSON},
		{`{"temperature":0,"tools":[{"type":"function"},{"type":"custom"},{"name":"x"}],"n":3,"seed":7}`, WhenTemperatureZero, "", formJSON},
		{`{"temperature":0,"store":false,"background":null}`, WhenTemperatureZero, "", formJSON},
		{`{}`, WhenAlways, "", formJSON},
		{`{"temperature":1}`, WhenAlways, "", formJSON},

		{`{}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"temperature":null}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"temperature":"0"}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"temperature":[]}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"temperature":1e-9}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"seed":7}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"Temperature":0}`, WhenTemperatureZero, whyTemperature, 0},
		{`{"temperature":0,"store":true}`, WhenTemperatureZero, whyState, 0},
		{`{"background":true}`, WhenAlways, whyState, 0},
		{`{"previous_response_id":"r"}`, WhenAlways, whyState, 0},
		{`{"mcp_servers":[{"url":"x"}]}`, WhenAlways, whyState, 0},
		{`{"tools":[{"type":"web_search_20250305"}]}`, WhenAlways, whyTools, 0},
		{`{"tools":"all"}`, WhenAlways, whyTools, 0},
		{`{"temperature":0,"temperature":1}`, WhenTemperatureZero, whyBody, 0},
		{`{"temperature":0,"Temperature":1}`, WhenTemperatureZero, whyBody, 0},
		{`{"temperature":0,"stream":1}`, WhenTemperatureZero, whyBody, 0},
		{`{"temperature":0} {}`, WhenTemperatureZero, whyBody, 0},
		{`[]`, WhenAlways, whyBody, 0},
		{`null`, WhenAlways, whyBody, 0},
		{``, WhenAlways, whyBody, 0},
		{"{\"a\":\"\xff\"}", WhenAlways, whyBody, 0},
	} {
		q, why := newQuestion(routeOfTest(tt.when), sentOfTest(), []byte(tt.body))
		if why != tt.why || (q == nil) != (why != "") || q != nil && q.form != tt.form {
			t.Errorf("%s: %+v, %q; want form %d, %q", tt.body, q, why, tt.form, tt.why)
		}
	}
}

// The same question in other words has one key, another question another.
func TestKeysOfQuestions(t *testing.T) {
	t.Parallel()
	key := func(route *postRoute, body string, headers ...string) string {
		q, why := newQuestion(route, sentOfTest(headers...), []byte(body))
		if q == nil {
			t.Fatalf("%s is no question: %s", body, why)
		}
		return q.key
	}
	route := routeOfTest(WhenAlways, "X-Run-Id")
	base := `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"temperature":0}`
	want := key(route, base)
	if !strings.HasPrefix(want, "POST gateway/v1/chat/completions gpt-4o ") {
		t.Errorf("the key cannot be cleared by pattern: %s", want)
	}
	for name, same := range map[string][]string{
		"order and space": {`{"temperature": 0, "messages":[ {"role":"user", "content":"hi"} ] , "model":"gpt-4o"}`},
		"the form":        {strings.Replace(base, "{", `{"stream":true,"stream_options":{"include_usage":true},`, 1)},
		"software and trace": {
			base, "User-Agent", "x", "X-Stainless-Retry-Count", "1", "Traceparent", "00-1", "Accept", "text/event-stream",
			"Idempotency-Key", "k", "X-Run-Id", "7", "Accept-Encoding", "gzip", "X-Forwarded-For", "1.2.3.4",
		},
	} {
		if got := key(route, same[0], same[1:]...); got != want {
			t.Errorf("%s: another key", name)
		}
	}
	seen := map[string]string{want: "base"}
	for name, other := range map[string][]string{
		"text":            {strings.Replace(base, "hi", "hi ", 1)},
		"order inside":    {strings.Replace(base, `"role":"user","content":"hi"`, `"content":"hi","role":"user"`, 1)},
		"model":           {strings.Replace(base, "4o", "4o-mini", 1)},
		"seed":            {strings.Replace(base, "{", `{"seed":1,`, 1)},
		"n":               {strings.Replace(base, "{", `{"n":2,`, 1)},
		"number":          {strings.Replace(base, ":0}", ":0.0}", 1)},
		"other options":   {strings.Replace(base, "{", `{"stream":true,"stream_options":{"include_usage":true,"x":1},`, 1)},
		"options, whole":  {strings.Replace(base, "{", `{"stream_options":{"include_usage":true},`, 1)},
		"who":             {base, "Authorization", "Bearer a"},
		"who else":        {base, "Authorization", "Bearer b"},
		"who by key":      {base, "X-Api-Key", "Bearer a"},
		"cookie":          {base, "Cookie", "a"},
		"organisation":    {base, "Openai-Organization", "o"},
		"version":         {base, "Anthropic-Beta", "b"},
		"any header":      {base, "X-Tenant", "t"},
		"twice":           {base, "X-Tenant", "t", "X-Tenant", "u"},
		"joined":          {base, "X-Tenant", "t, u"},
		"another kind":    {base, "Accept", "application/xml"},
		"a body as model": {strings.Replace(base, "gpt-4o", "a b\\n", 1)},
	} {
		got := key(route, other[0], other[1:]...)
		if of, ok := seen[got]; ok {
			t.Errorf("%s has the key of %s", name, of)
		}
		seen[got] = name
	}
}

// No two who ask share a key, whatever they send: a model of the key is all that tells apart, as
// text that cannot be misread.
func TestNobodyElsesAnswer(t *testing.T) {
	t.Parallel()
	route := routeOfTest(WhenAlways)
	seen := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ab:,]{0,3}`)
		name := rapid.SampledFrom([]string{"Authorization", "X-Api-Key", "Api-Key", "Cookie", "X-A", "X-Aa", "User-Agent", "Accept"})
		r := sentOfTest()
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			n := name.Draw(t, "name")
			r.Header[n] = append(r.Header[n], value.Draw(t, "value"))
		}
		body := fmt.Sprintf(`{"model":%q,%q:%q}`, value.Draw(t, "model"), rapid.SampledFrom([]string{"a", "ab", "input"}).Draw(t, "member"), value.Draw(t, "text"))
		q, why := newQuestion(route, r, []byte(body))
		if q == nil {
			t.Fatalf("%s: %s", body, why)
		}
		asks := map[string][]string{}
		for n, v := range r.Header {
			if n != "User-Agent" {
				asks[n] = v
			}
		}
		model := fmt.Sprintf("%q %s", asks, body)
		if other, ok := seen[q.key]; ok && other != model {
			t.Fatalf("one key for\n%s\n%s", other, model)
		}
		seen[q.key] = model
	})
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"model":"m","temperature":0,"stream":true,"stream_options":{"include_usage":true}}`), "Bearer a")
	f.Add([]byte(`{"temperature":0,"Temperature":1}`), "")
	f.Add([]byte(`{"\u0074emperature":0}`), "a")
	f.Fuzz(func(t *testing.T, body []byte, who string) {
		route := routeOfTest(WhenTemperatureZero)
		q, why := newQuestion(route, sentOfTest("Authorization", who), body)
		if (q == nil) != (why != "") {
			t.Fatalf("%v, %q", q, why)
		}
		if q == nil {
			return
		}
		other, _ := newQuestion(route, sentOfTest("Authorization", who+"x"), body)
		nobody, _ := newQuestion(route, sentOfTest(), body)
		if other == nil || nobody == nil || other.key == q.key || nobody.key == q.key {
			t.Fatal("who asks does not count")
		}
		for _, c := range q.key {
			if c < ' ' || c > '~' {
				t.Fatalf("the key has %q", c)
			}
		}
	})
}
