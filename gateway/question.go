package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sentientcore/upshift/gateway/llm"
)

// question is a POST whose answer depends on it alone. Who asks is a part of it.
type question struct {
	key  string
	form form // in which the answer is wanted
	body []byte
}

// Reasons why a POST of a route whose answers are kept is none, as Cache-Status gives them.
const (
	whyConnection  = "connection"
	whyType        = "content-type"
	whySize        = "size"
	whyBody        = "body"
	whyTemperature = "temperature"
	whyState       = "state"
	whyTools       = "tools"
)

// newQuestion makes a question of a request as the client sent it and its body, or says why it
// is none.
func newQuestion(route *postRoute, sent *http.Request, body []byte) (*question, string) {
	m, ok := parseQuestion(body)
	if !ok {
		return nil, whyBody
	}
	if why := m.impure(route.When == WhenTemperatureZero); why != "" {
		return nil, why
	}
	q := &question{body: body}
	if q.form, ok = m.takeForm(); !ok {
		return nil, whyBody
	}
	model, _ := m.text("model") // without one it goes by the rest
	q.key = questionKey(route, sent, m, model)
	return q, ""
}

// parseQuestion reads an object without members that some server could take for the same.
func parseQuestion(body []byte) (members, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	m, err := parseMembers(body)
	if err != nil {
		return nil, false
	}
	if _, err := d.Token(); err != nil { // the brace
		return nil, false
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		key, isText := name.(string)
		folded := strings.ToLower(key)
		if err != nil || !isText || seen[folded] {
			return nil, false
		}
		seen[folded] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
	}
	for name, v := range m {
		var compact bytes.Buffer
		if err := json.Compact(&compact, v); err != nil {
			return nil, false
		}
		m[name] = compact.Bytes()
	}
	return m, true
}

// stateful are members with which a request leaves something at the server or takes it from there.
var stateful = []string{
	"store", "background", "previous_response_id", "conversation", "container", "mcp_servers", "web_search_options",
}

// impure says why asking again could change the answer or anything else; empty: it could not.
func (m members) impure(wantsZero bool) string {
	for _, name := range stateful {
		if v := m[name]; !isNothing(v) && string(v) != "false" {
			return whyState
		}
	}
	if !isNothing(m["tools"]) && !m.toolsAreCallers() {
		return whyTools
	}
	if wantsZero && !isZero(m["temperature"]) {
		return whyTemperature
	}
	return ""
}

// toolsAreCallers reports whether all tools are carried out by the one who asks, not by the server.
func (m members) toolsAreCallers() bool {
	tools, err := m.list("tools")
	if err != nil {
		return false
	}
	for _, tool := range tools {
		kind, err := tool.text("type")
		if err != nil || kind != nil && *kind != "function" && *kind != "custom" {
			return false
		}
	}
	return true
}

// isZero reports whether a member is the number zero; one that is not there is not.
func isZero(v json.RawMessage) bool {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return err == nil && f == 0
}

// takeForm takes what says in which form the answer is wanted out of the members, which then say
// what is wanted. Options that mean more than the form stay.
func (m members) takeForm() (form, bool) {
	options := string(m["stream_options"])
	wanted := formJSON
	switch string(m["stream"]) {
	case "", "null", "false":
	case "true":
		wanted = formStream
	default:
		return formNone, false
	}
	switch {
	case wanted == formStream && options == `{"include_usage":true}`:
		wanted = formStreamUsage
	case options == "" || options == "null" || wanted == formStream && options == `{"include_usage":false}`:
	default:
		return wanted, true // the form is a part of the question
	}
	delete(m, "stream")
	delete(m, "stream_options")
	return wanted, true
}

// indifferent are headers that change nothing about an answer to a question: they are about the
// connection, the client's software, or the trace that a request is a part of.
var indifferent = map[string]bool{
	"Accept-Encoding": true, "Cache-Control": true, "Connection": true, "Content-Length": true, "Content-Type": true,
	"Expect": true, "Idempotency-Key": true, "Keep-Alive": true, "Pragma": true, "Priority": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "User-Agent": true, "Via": true,
	"Baggage": true, "B3": true, "Request-Id": true, "Sentry-Trace": true, "Traceparent": true, "Tracestate": true,
	"Uber-Trace-Id": true, "X-Amzn-Trace-Id": true, "X-Cloud-Trace-Context": true, "X-Correlation-Id": true,
	"X-Idempotency-Key": true, "X-Request-Id": true,
	llm.HeaderAgent: true, llm.HeaderRun: true, llm.HeaderStep: true,
}

// indifferentPrefixes are those of families of such headers.
var indifferentPrefixes = []string{"X-Stainless-", "X-B3-", "X-Datadog-", "X-Forwarded-", "Sec-Ch-", "Sec-Fetch-"}

// tellsApart reports whether a header is a part of the question. What is not known not to be is:
// it may say who asks, or what for.
func (r *postRoute) tellsApart(name string, values []string) bool {
	if indifferent[name] || r.ignored[name] {
		return false
	}
	if name == "Accept" {
		return slices.ContainsFunc(values, func(v string) bool { return !acceptsAnswer(v) })
	}
	return !slices.ContainsFunc(indifferentPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// acceptsAnswer reports whether an Accept header says no more than that the answer may have one of
// its usual forms.
func acceptsAnswer(accept string) bool {
	for kind := range strings.SplitSeq(accept, ",") {
		switch trim(kind) {
		case "*/*", "application/json", "text/event-stream":
		default:
			return false
		}
	}
	return true
}

// questionKey is the key of a question. What a person may want to clear by pattern is readable;
// that two questions differ is the digest's work, which covers everything, each part with its
// length before it.
func questionKey(route *postRoute, sent *http.Request, m members, model *string) string {
	d := digest{sha256.New()}
	d.add("upshift question 1", sent.Host, sent.URL.EscapedPath(), sent.URL.RawQuery)
	var names []string
	for name, values := range sent.Header {
		if route.tellsApart(name, values) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	d.count(len(names))
	for _, name := range names {
		d.add(name)
		d.count(len(sent.Header[name]))
		d.add(sent.Header[name]...)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		d.add(name, string(m[name]))
	}
	readable := ""
	if model != nil && len(*model) <= 128 && plain(*model, "._:/@+-") {
		readable = *model + " "
	}
	return "POST " + strings.ToLower(sent.Host) + sent.URL.EscapedPath() + " " + readable + d.text()
}

// digest is a SHA-256 over parts that cannot run into each other.
type digest struct{ hash.Hash }

func (d digest) add(parts ...string) {
	for _, p := range parts {
		d.count(len(p))
		_, _ = d.Write([]byte(p)) // a hash takes everything
	}
}

func (d digest) count(n int) {
	_, _ = d.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func (d digest) text() string { return hex.EncodeToString(d.Sum(nil)) }

// isJSON reports whether a request's body says that it is JSON as it stands.
func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/json" && len(h["Content-Type"]) == 1 && h["Content-Encoding"] == nil
}

// hidesHeaders reports whether Connection takes headers off the request that are not of the
// connection: then the server does not see what the question was made of.
func hidesHeaders(h http.Header) bool {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			switch strings.ToLower(trim(name)) {
			case "", "close", "keep-alive", "te":
			default:
				return true
			}
		}
	}
	return false
}
