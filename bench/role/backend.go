package role

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a request may ask the [Backend] for.
const (
	maxService = 10 * time.Second
	maxTokens  = 100_000
)

// answer is about 1 KiB, like a retriever's answer with one small chunk.
var answer = []byte(`{"chunks":[{"id":"doc-17#3","score":0.8731,"text":"` + strings.Repeat("retrieval ", 96) + `"}]}`)

// Backend is the service behind the proxies. It takes as long as it is asked to:
//
//	/item?us=N          about 1 KiB of JSON after N microseconds, 0 by default
//	/cached?id=N        the same at once, for any cache to keep for an hour
//	/stream?n=N&us=M    N Server-Sent Events, the first at once, then one each M microseconds;
//	                    the data of each is the Unix time in nanoseconds
//	/health             200
func Backend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /item", item)
	mux.HandleFunc("GET /cached", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		write(w)
	})
	mux.HandleFunc("GET /stream", stream)
	return mux
}

func item(w http.ResponseWriter, r *http.Request) {
	us, err := number(r, "us", int(maxService.Microseconds()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !pause(r, us) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w)
}

func write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer) // a client that is gone needs no answer
}

func stream(w http.ResponseWriter, r *http.Request) {
	n, err := number(r, "n", maxTokens)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	us, err := number(r, "us", int(maxService.Microseconds()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for i := range n {
		if i > 0 && !pause(r, us) {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano()); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

// pause waits and reports whether the client is still there.
func pause(r *http.Request, us int) bool {
	if us == 0 {
		return true
	}
	select {
	case <-time.After(time.Duration(us) * time.Microsecond):
		return true
	case <-r.Context().Done():
		return false
	}
}

// number reads a parameter between 0, which is the default, and most.
func number(r *http.Request, name string, most int) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s must be a number between 0 and %d", name, most)
	}
	return n, nil
}
