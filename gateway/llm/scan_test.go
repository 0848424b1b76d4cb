package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

var scanned = []wanted{
	{path: "model"},
	{path: "usage"},
	{path: "choices.*.finish_reason"},
	{path: "choices.*.delta.content", measure: true},
	{path: "delta", measure: true},
	{path: "delta.text"},
	{path: "data.*.list.*"},
}

// scan reads text in pieces of n bytes and writes down what was found.
func scan(text string, n int) string {
	var out []string
	s := newScanner(scanned, func(i int, value []byte, size int) {
		out = append(out, fmt.Sprintf("%s=%s/%d", scanned[i].path, value, size))
	})
	for p := []byte(text); len(p) > 0; {
		k := min(n, len(p))
		s.write(p[:k])
		p = p[k:]
	}
	return strings.Join(out, " ")
}

func TestScan(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxValue+1)
	for _, tt := range []struct{ name, text, want string }{
		{"members", `{"a":1,"model":"m","b":{"model":"no"},"usage":{"x":[1,{"y":"z"}]}}`, `model=m/1 usage={"x":[1,{"y":"z"}]}/19`},
		{"space", " { \"model\" : \"m\" , \"usage\" : null } ", `model=m/1 usage=null/4`},
		{
			"lists", `{"choices":[{"finish_reason":null,"delta":{"content":"hé\"o"}},{"finish_reason":"stop"}]}`,
			`choices.*.finish_reason=null/4 choices.*.delta.content=/6 choices.*.finish_reason=stop/4`,
		},
		{"text or object", `{"delta":"abc","x":0}`, `delta=/3`},
		{"object or text", `{"delta":{"text":"abc"}}`, `delta.text=abc/3`},
		{"measured", `{"choices":[{"delta":{"content":null}},{"delta":{"content":"a"}},{"delta":{"content":[]}}]}`, `choices.*.delta.content=/1 choices.*.delta.content=/0`},
		{"numbers of a list", `{"data":[{"list":[1,-2.5e3]},{"list":[3]}]}`, `data.*.list.*=1/1 data.*.list.*=-2.5e3/6 data.*.list.*=3/1`},
		{"escapes", `{"x":"\\","model":"a\\\"b\u0041"}`, `model=a\\\"b\u0041/12`},
		{"too long", `{"model":"` + long + `","usage":1}`, fmt.Sprintf(`model=/%d usage=1/1`, maxValue+1)},
		{"long name", `{"` + long + `":{"model":1},"model":"m"}`, `model=m/1`},
		{"deep", strings.Repeat(`{"a":`, 100) + `{"model":1}` + strings.Repeat(`}`, 100), ``},
		{"deep lists", `{"a":` + strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100) + `,"model":"m"}`, `model=m/1`},
		{"names like paths", `{"delta.text":1,"choices":{"*":{"finish_reason":1}},"data":{"x":1}}`, ``},
		{"escaped name", `{"mod\u0065l":"m"}`, ``},
		{"one after the other", `{"model":"a"}{"model":"b"}`, `model=a/1 model=b/1`},
		{"no JSON", `]]}}:,"`, ``},
		{"broken off", `{"model":"a`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{1, 2, 3, 7, len(tt.text)} {
				if got := scan(tt.text, n); got != tt.want {
					t.Errorf("in pieces of %d: got %q, want %q", n, got, tt.want)
				}
			}
		})
	}
}

// What the scanner finds in JSON is what a parser finds there.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"model":"m","usage":{"a":[1]},"choices":[{"finish_reason":"stop","delta":{"content":"x"}}]}`), 3)
	f.Add([]byte(`{"choices":[[],{"delta":{"content":{"a":1}}}],"delta":{"text":"\\\""}}`), 1)
	f.Add([]byte(`[{"model":1}]`), 2)
	f.Add([]byte(`{"data":[{"list":[1,[2,{"model":"a"}],"b"]}],"delta":"x"}`), 5)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		n = min(max(n, 1), 1000)
		got := scan(string(text), n)
		if whole := scan(string(text), len(text)+1); got != whole {
			t.Fatalf("in pieces of %d: %q, in one: %q", n, got, whole)
		}
		if json.Valid(text) && !bytes.ContainsRune(text, '\\') && len(text) < maxValue {
			if want := parsed(text); got != want {
				t.Fatalf("%s: got %q, want %q", text, got, want)
			}
		}
	})
}

// parsed is what scan should find, by encoding/json. Names are in order of their appearance there.
func parsed(text []byte) string {
	var out []string
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var walk func(path string, depth int, bad bool)
	token := func() json.Token { v, _ := d.Token(); return v }
	raw := func(from int64) string { // of the value that was just read
		return strings.TrimLeft(string(text[from:d.InputOffset()]), " \t\r\n:,")
	}
	walk = func(path string, depth int, bad bool) {
		from := d.InputOffset()
		wants, leads := -1, false
		for i, w := range scanned {
			if w.path == path && depth > 0 && !bad {
				wants = i
			}
			leads = leads || strings.HasPrefix(w.path, path+".")
		}
		v := token()
		delim, isDelim := v.(json.Delim)
		if !isDelim || wants >= 0 && !leads {
			for open := 1; isDelim && open > 0; {
				switch d, _ := token().(json.Delim); d {
				case '{', '[':
					open++
				case '}', ']':
					open--
				}
			}
			if wants < 0 {
				return
			}
			value := raw(from)
			if _, isText := v.(string); isText {
				value = value[1 : len(value)-1]
			}
			size := len(value)
			if _, isText := v.(string); scanned[wants].measure {
				if !isText && !isDelim {
					return
				}
				if isDelim {
					size -= 2
				}
				value = ""
			}
			out = append(out, fmt.Sprintf("%s=%s/%d", scanned[wants].path, value, size))
			return
		}
		for d.More() {
			next := "*"
			long := bad
			if delim == '{' {
				name, _ := token().(string)
				next, long = name, bad || len(name) > maxKey || strings.ContainsAny(name, ".*")
			}
			if path != "" {
				next = path + "." + next
			}
			walk(next, depth+1, long)
		}
		token()
	}
	walk("", 0, false)
	return strings.Join(out, " ")
}

func BenchmarkScan(b *testing.B) {
	prompt := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat(`one two\nthree four `, 5000) + `"}],"model":"m"}`)
	s := newScanner(scanned, func(int, []byte, int) {})
	b.SetBytes(int64(len(prompt)))
	b.ReportAllocs()
	for b.Loop() {
		s.reset()
		s.write(prompt)
	}
}
