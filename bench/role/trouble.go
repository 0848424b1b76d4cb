package role

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Troubles that a backend can be put in.
const (
	Calm     = "calm"
	Slow     = "slow"     // answers take ten times as long
	Failing  = "failing"  // 30 % of the answers are 500
	Breaking = "breaking" // every answer breaks off in its middle
)

const (
	slowFactor  = 10
	failingPart = 0.3
)

// Trouble lets a backend misbehave: POST /trouble?kind=KIND puts it in trouble until the next one.
// /health stays well, so that it is the requests which must show it. GET /count is how many
// requests it was given since it began.
type Trouble struct {
	backend http.Handler
	kind    atomic.Pointer[string]
	count   atomic.Int64
}

// NewTrouble returns a backend that is calm.
func NewTrouble() *Trouble {
	t := &Trouble{backend: Backend()}
	t.set(Calm)
	return t
}

func (t *Trouble) set(kind string) { t.kind.Store(&kind) }

// ServeHTTP answers one request, or does not.
func (t *Trouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/trouble":
		kind := r.FormValue("kind")
		if !slices.Contains([]string{Calm, Slow, Failing, Breaking}, kind) {
			http.Error(w, fmt.Sprintf("there is no trouble %q", kind), http.StatusBadRequest)
			return
		}
		t.set(kind)
		return
	case "/count":
		_, _ = io.WriteString(w, strconv.FormatInt(t.count.Load(), 10))
		return
	case "/health":
		return
	}
	t.count.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	if r.Method == http.MethodPost { // it is answered as a GET is
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
	}
	switch *t.kind.Load() {
	case Slow:
		query := r.URL.Query()
		if us, err := number(r, "us", int(maxService.Microseconds())/slowFactor); err == nil {
			query.Set("us", strconv.Itoa(slowFactor*us))
		}
		again := r.Clone(r.Context())
		again.URL.RawQuery, again.Form = query.Encode(), nil
		t.backend.ServeHTTP(w, again)
	case Failing:
		if rand.Float64() < failingPart {
			http.Error(w, "so it goes", http.StatusInternalServerError)
			return
		}
		t.backend.ServeHTTP(w, r)
	case Breaking:
		breakOff(w, r)
	default:
		t.backend.ServeHTTP(w, r)
	}
}

// breakOff begins an answer and hangs up.
func breakOff(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/stream" {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano())
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer[:len(answer)/2])
	}
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
