package demo

import "net/http"

// stream writes Server-Sent Events, each as soon as it is complete.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	return &stream{w: w, control: http.NewResponseController(w)}
}

// write sends one line; an empty one ends the event and flushes it. When the reader has
// left it aborts.
func (s *stream) write(line []byte) {
	if _, err := s.w.Write(line); err != nil {
		s.abort()
	}
	if len(line) != 1 {
		return
	}
	if err := s.control.Flush(); err != nil {
		s.abort()
	}
}

// abort breaks the stream, so that half an answer is not taken for a whole one.
func (*stream) abort() { panic(http.ErrAbortHandler) }
