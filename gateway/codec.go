package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// pageCodec turns pages into bytes for the replicas that share a second tier: a header in JSON
// with the lengths of the bodies, and the bodies behind it.
type pageCodec struct{}

// wirePage is the header.
type wirePage struct {
	Variants []wireAnswer `json:"variants"`
}

type wireAnswer struct {
	Vary     []string    `json:"vary,omitempty"`
	Values   []string    `json:"values,omitempty"`
	Status   int         `json:"status"`
	Header   http.Header `json:"header"`
	Born     int64       `json:"born"`     // Unix nanoseconds
	Lifetime int64       `json:"lifetime"` // nanoseconds
	NoCache  bool        `json:"no_cache,omitempty"`
	Shared   bool        `json:"shared,omitempty"`
	Length   int         `json:"length"`

	StaleWhile   int64   `json:"stale_while,omitempty"`    // nanoseconds
	StaleOnError int64   `json:"stale_on_error,omitempty"` // nanoseconds
	Took         int64   `json:"took,omitempty"`           // nanoseconds
	Price        float64 `json:"price,omitempty"`          // dollars
	Form         form    `json:"form,omitempty"`
}

var (
	errEmptyPage = errors.New("gateway: a page without answers is not shared")
	errNotText   = errors.New("gateway: a page with headers that are not UTF-8 is not shared")
	errPage      = errors.New("gateway: malformed page")
)

// Format names the encoding; it changes whenever the meaning of a field does.
func (pageCodec) Format() string { return "gateway-page/2" }

// Encode writes a page.
func (pageCodec) Encode(p *page) ([]byte, error) {
	if p == nil || len(p.variants) == 0 {
		return nil, errEmptyPage
	}
	var w wirePage
	size := 0
	for _, a := range p.variants {
		if !a.isText() {
			return nil, errNotText
		}
		w.Variants = append(w.Variants, wireAnswer{
			Vary: a.vary, Values: a.values, Status: a.status, Header: a.header, Born: a.born.UnixNano(),
			Lifetime: int64(a.lifetime), NoCache: a.noCache, Shared: a.shared, Length: len(a.body),
			StaleWhile: int64(a.staleWhile), StaleOnError: int64(a.staleOnError), Took: int64(a.took), Price: a.price,
			Form: a.form,
		})
		size += len(a.body)
	}
	head, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(head)+1+size)
	out = append(append(out, head...), '\n') // JSON has none
	for _, a := range p.variants {
		out = append(out, a.body...)
	}
	return out, nil
}

// isText reports whether JSON keeps all strings of the answer as they are.
func (a *answer) isText() bool {
	for name, values := range a.header {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, invalid) {
			return false
		}
	}
	return !slices.ContainsFunc(a.vary, invalid) && !slices.ContainsFunc(a.values, invalid)
}

func invalid(s string) bool { return !utf8.ValidString(s) }

// Decode reads a page. The bodies stay where they are in data.
func (pageCodec) Decode(data []byte) (*page, error) {
	end := 0
	for end < len(data) && data[end] != '\n' {
		end++
	}
	if end == len(data) {
		return nil, errPage
	}
	var w wirePage
	if err := json.Unmarshal(data[:end], &w); err != nil {
		return nil, errors.Join(errPage, err)
	}
	if len(w.Variants) == 0 || len(w.Variants) > maxVariants {
		return nil, errPage
	}
	p, rest := &page{}, data[end+1:]
	for _, v := range w.Variants {
		if v.Length < 0 || v.Length > len(rest) || len(v.Vary) != len(v.Values) || !cacheableStatus(v.Status) ||
			v.Header == nil || v.Lifetime < 0 || v.StaleWhile < 0 || v.StaleOnError < 0 || v.Took < 0 || v.Price < 0 ||
			v.Form < formNone || v.Form > formStreamUsage {
			return nil, errPage
		}
		p.variants = append(p.variants, &answer{
			vary: v.Vary, values: v.Values, status: v.Status, header: v.Header, born: time.Unix(0, v.Born),
			lifetime: time.Duration(v.Lifetime), noCache: v.NoCache, shared: v.Shared,
			staleWhile: time.Duration(v.StaleWhile), staleOnError: time.Duration(v.StaleOnError),
			took: time.Duration(v.Took), price: v.Price, form: v.Form, body: rest[:v.Length:v.Length],
		})
		rest = rest[v.Length:]
	}
	if len(rest) > 0 {
		return nil, errPage
	}
	return p, nil
}
