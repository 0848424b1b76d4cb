package demo

import (
	"errors"
	"io"
	"net/http"
)

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

// write sends one line; an empty one ends the event and flushes it.
func (s *stream) write(line []byte) error {
	if _, err := s.w.Write(line); err != nil {
		return err
	}
	if len(line) > 1 {
		return nil
	}
	return s.control.Flush()
}

// end returns nil when the stream was read to its end. One that broke is broken towards
// the reader too, so that half an answer is not taken for a whole one.
func (s *stream) end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	panic(http.ErrAbortHandler)
}
