package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Problem is every answer that is not a success, as application/problem+json (RFC 9457).
// The [Client] returns it as its error.
type Problem struct {
	// Success is always false.
	Success bool `json:"success"`
	// Title is the text of the status code.
	Title string `json:"title"`
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Detail says what went wrong, Hint what to do next.
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
	// Faults are the single faults of a request that was not understood.
	Faults []Fault `json:"faults,omitempty"`

	retryAfter time.Duration
	header     http.Header
}

// Fault is one fault of a request.
type Fault struct {
	// Location is where it lies, such as query.limit or body.servers[0].url.
	Location string `json:"location"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

func problem(status int, detail, hint string) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Detail: detail, Hint: hint}
}

// after asks the caller to wait before the next try.
func (p *Problem) after(d time.Duration) *Problem {
	p.retryAfter = d
	return p
}

// Error is the detail with the hint.
func (p *Problem) Error() string {
	if p.Hint == "" {
		return p.Detail
	}
	return p.Detail + "; " + p.Hint
}

// GetStatus is the HTTP status code, as huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of problems, as huma asks for it.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders are headers that go with the answer, as huma asks for them.
func (p *Problem) GetHeaders() http.Header {
	h := p.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if p.retryAfter > 0 {
		seconds := int64((p.retryAfter + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return h
}

const problemType = "application/problem+json"

// write answers with p where no handler of huma is at work.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		return // strings and numbers always marshal
	}
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

func sortFaults(faults []Fault) {
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.Location, b.Location), strings.Compare(a.Message, b.Message))
	})
}

// toValid makes text from outside fit to be shown: valid UTF-8 without control characters.
func toValid(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}
