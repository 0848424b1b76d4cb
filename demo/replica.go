package demo

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

const (
	maxBody           = 1 << 20
	readHeaderTimeout = 5 * time.Second
)

// pace is how fast a replica is.
type pace struct {
	// factor multiplies every time that it thinks; 1 is the fast one.
	factor float64
	// slots is how many answers it generates at once; as many again may wait.
	slots int
}

// replica is one server that hosts every agent of the service.
type replica struct {
	name  string
	pace  pace
	moods func(elapsed time.Duration) Mood
	born  time.Time

	gateway  *caller
	passages passages
	profiler *profiler.Profiler
	model    *slots
}

// newReplica makes a replica; its schedule of moods begins now.
func newReplica(name string, p pace, moods func(time.Duration) Mood, w world) *replica {
	return &replica{
		name: name, pace: p, moods: moods, born: time.Now(),
		gateway: w.gateway, passages: w.passages, profiler: w.profiler, model: newSlots(p.slots),
	}
}

// world is what the agents of all replicas share.
type world struct {
	gateway  *caller
	passages passages
	profiler *profiler.Profiler
}

func (r *replica) mood() Mood { return r.moods(time.Since(r.born)) }

// handler serves every agent.
func (r *replica) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", r.health)
	mux.HandleFunc("POST /ask", r.agent("planner.ask", r.ask))
	mux.HandleFunc("GET /retrieve", r.agent("retriever.search", r.retrieve))
	mux.HandleFunc("POST /rerank", r.agent("reranker.rank", r.rerank))
	mux.HandleFunc("POST /v1/embeddings", r.agent("embedder.embed", r.embeddings))
	mux.HandleFunc("POST /v1/chat/completions", r.agent("model.generate", r.chat))
	mux.HandleFunc("GET /v1/models", r.agent("model.list", r.models))
	return mux
}

// agent answers for a failing replica, bounds the body, records the call under name and
// turns errors into answers.
func (r *replica) agent(name string, serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	type exchange struct {
		w   http.ResponseWriter
		req *http.Request
	}
	recorded := profiler.Wrap(r.profiler, name, func(ctx context.Context, x exchange) (struct{}, error) {
		return struct{}{}, serve(x.w, x.req.WithContext(ctx))
	})
	return func(w http.ResponseWriter, req *http.Request) {
		if r.mood() == Failing {
			writeError(w, http.StatusInternalServerError, r.name+" is failing, as scheduled")
			return
		}
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		if _, err := recorded(req.Context(), exchange{w, req}); err != nil && req.Context().Err() == nil {
			writeError(w, statusOf(err), err.Error())
		}
	}
}

func (r *replica) health(w http.ResponseWriter, _ *http.Request) {
	if r.mood() == Failing {
		writeError(w, http.StatusServiceUnavailable, "failing")
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "replica": r.name, "mood": r.mood().String()})
}

// think waits as long as this replica takes for something that needs base at full speed.
func (r *replica) think(ctx context.Context, base time.Duration) error {
	factor := r.pace.factor
	if r.mood() == Slow {
		factor *= slowFactor
	}
	return pause(ctx, time.Duration(float64(base)*factor))
}

// serve answers on ln until ctx ends; what is in flight then is cut.
func (r *replica) serve(ctx context.Context, ln net.Listener, logger *slog.Logger) error {
	srv := &http.Server{
		Handler: r.handler(), ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- srv.Close() })
	err := srv.Serve(ln)
	if stop() {
		return err // it ended by itself
	}
	return errors.Join(<-stopped, ignoreClosed(err))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answerError is an error with the status to answer it with.
type answerError struct {
	status int
	detail string
}

func (e *answerError) Error() string { return e.detail }

func statusOf(err error) int {
	if a, ok := errors.AsType[*answerError](err); ok {
		return a.status
	}
	return http.StatusBadGateway
}

// readJSON decodes the body of a request.
func readJSON(req *http.Request, into any) error {
	if err := json.NewDecoder(req.Body).Decode(into); err != nil {
		return &answerError{http.StatusBadRequest, "the body is not the JSON that is wanted here"}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that is gone needs no answer
}

// writeError answers in the shape of the OpenAI API.
func writeError(w http.ResponseWriter, status int, detail string) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{"message": detail, "type": http.StatusText(status)}})
}
