package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

const (
	maxBody        = 1 << 20
	maxDepth       = 64
	maxURI         = 8 << 10
	maxHeaderLines = 100
	maxFaults      = 20 // told of one request
)

// checkShape refuses requests that no client of ours sends.
func checkShape(r *http.Request) *Problem {
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	switch {
	case len(r.RequestURI) > maxURI:
		return problem(http.StatusRequestURITooLong, fmt.Sprintf("the address is longer than %d bytes", maxURI), "")
	case lines > maxHeaderLines:
		return problem(http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("more than %d header lines", maxHeaderLines), "")
	}
	return nil
}

// checkBody reads the whole body, which is small, and puts it back for the handler. It
// must be JSON of bounded size and depth, and there only where the route takes one.
func checkBody(w http.ResponseWriter, r *http.Request, takesBody bool) ([]byte, *Problem) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, bodyProblem(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || !takesBody && bytes.Equal(trimmed, []byte("{}")) {
		return body, nil
	}
	if !takesBody {
		return nil, problem(http.StatusBadRequest, "this call takes no body", "put its parameters into the query")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, problem(http.StatusUnsupportedMediaType, "the body must be JSON", "send Content-Type: application/json")
	}
	r.Header.Set("Content-Type", "application/json") // as huma knows it
	if !utf8.Valid(body) {
		return nil, problem(http.StatusBadRequest, "the body is not valid UTF-8", "")
	}
	if tooDeep(body) {
		return nil, problem(http.StatusBadRequest, fmt.Sprintf("the body is nested deeper than %d levels", maxDepth), "")
	}
	return body, nil
}

func bodyProblem(err error) *Problem {
	var tooLarge *http.MaxBytesError
	var slow net.Error
	switch {
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody), "")
	case errors.As(err, &slow) && slow.Timeout():
		return problem(http.StatusRequestTimeout, "the body took too long to arrive", "")
	}
	return problem(http.StatusBadRequest, "the body could not be read to its end", "")
}

// tooDeep reports whether JSON is nested beyond maxDepth, without parsing it.
func tooDeep(body []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// unmarshalStrict is json.Unmarshal for bodies that are checked as a map first and read
// into a struct afterwards. The two agree only if no object has a name twice, be it in
// another case: of {"weight":1,"WEIGHT":-1} one would be checked and the other used.
func unmarshalStrict(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	if checked, ok := v.(*any); ok {
		return oneCase(*checked)
	}
	return nil
}

// oneCase refuses objects with names that differ by case only.
func oneCase(v any) error {
	switch v := v.(type) {
	case map[string]any:
		seen := make(map[string]bool, len(v))
		for name, e := range v {
			folded := strings.Map(foldRune, name)
			if seen[folded] {
				return fmt.Errorf("field %q is given twice", clip(name, 64))
			}
			seen[folded] = true
			if err := oneCase(e); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := oneCase(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// foldRune is the same for all that encoding/json takes for the same letter.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// checkQuery refuses query parameters that the route does not know, that are given
// twice, or that cannot be read.
func checkQuery(raw string, known []string) *Problem {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return problem(http.StatusBadRequest, "the query cannot be read", "escape %, ; and + in values")
	}
	p := problem(http.StatusBadRequest, "the query is not understood", "")
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		if len(p.Faults) == maxFaults {
			break
		}
		location := "query." + clip(name, 64)
		switch {
		case !slices.Contains(known, name):
			p.Faults = append(p.Faults, Fault{Location: location, Message: "unknown parameter", Hint: didYouMean(name, known)})
		case len(values) > 1:
			p.Faults = append(p.Faults, Fault{Location: location, Message: "given more than once"})
		case !utf8.ValidString(values[0]):
			p.Faults = append(p.Faults, Fault{Location: location, Message: "not valid UTF-8"})
		}
	}
	return p.withFaults()
}

// withFaults tells the first fault in detail and hint; nil when there is none.
func (p *Problem) withFaults() *Problem {
	if len(p.Faults) == 0 {
		return nil
	}
	sortFaults(p.Faults)
	first := p.Faults[0]
	p.Detail = first.Location + ": " + first.Message
	p.Hint = first.Hint
	return p
}

func queryNames(op *huma.Operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// clip shortens text that came from outside to n bytes of valid UTF-8.
func clip(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return toValid(text)
}
