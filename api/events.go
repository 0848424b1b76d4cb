package api

import (
	"net/http"
	"time"
)

const (
	keepAlive = 15 * time.Second
	// frameDeadline is how long one write to a stream may take before the client counts
	// as gone.
	frameDeadline = 10 * time.Second
)

// serveEvents is GET /events.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	if p := checkQuery(r.URL.RawQuery, []string{"last_event_id"}); p != nil {
		p.write(w)
		return
	}
	lastID := r.Header.Get("Last-Event-ID")
	if lastID == "" {
		lastID = r.URL.Query().Get("last_event_id") // for clients that cannot set headers
	}
	c, ok := s.hub.subscribe(lastID)
	if !ok {
		problem(http.StatusServiceUnavailable, "there are too many event streams, or the server is stopping",
			"close another dashboard, or raise api.max_streams").after(keepAlive).write(w)
		return
	}
	defer s.hub.unsubscribe(c)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	stream := &eventStream{w: w, rc: http.NewResponseController(w)}
	opening := "retry: 2000\n\n"
	if c.missed {
		opening += ": events before this were lost\n\n"
	}
	if stream.write([]byte(opening)) != nil {
		return
	}
	s.pump(r, stream, c)
}

// pump writes frames until the client is gone, is dropped, or loses its right to read.
func (s *Server) pump(r *http.Request, stream *eventStream, c *subscriber) {
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case f, open := <-c.frames:
			if !open || !s.stillAllowed(r, Viewer) || stream.write(f.text) != nil {
				return
			}
		case <-idle.C:
			if !s.stillAllowed(r, Viewer) || stream.write([]byte(": keep-alive\n\n")) != nil {
				return
			}
		}
	}
}

// eventStream writes and flushes with a deadline of its own for each write.
type eventStream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (e *eventStream) write(text []byte) error {
	// Only a recorder in a test knows no deadlines, and it never blocks.
	_ = e.rc.SetWriteDeadline(time.Now().Add(frameDeadline))
	if _, err := e.w.Write(text); err != nil {
		return err
	}
	return e.rc.Flush()
}
