package demo

import (
	"context"
	"net/http"
	"sync/atomic"
)

// slots bound how many answers are generated at once and how many wait.
type slots struct {
	free    chan struct{}
	waiting atomic.Int64
}

func newSlots(n int) *slots { return &slots{free: make(chan struct{}, n)} }

// take waits for a slot. It refuses with 429 when as many wait as there are slots.
func (s *slots) take(ctx context.Context) error {
	if s.waiting.Add(1) > int64(2*cap(s.free)) {
		s.waiting.Add(-1)
		return &answerError{http.StatusTooManyRequests, "too many answers are waiting already"}
	}
	select {
	case s.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		s.waiting.Add(-1)
		return ctx.Err()
	}
}

// give returns the slot.
func (s *slots) give() {
	<-s.free
	s.waiting.Add(-1)
}
