package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"
)

// errBodyPanicked is how a body ended whose reading panicked.
var errBodyPanicked = errors.New("gateway: reading the body panicked")

// filling reads the body of a flight's answer, for all who ride along and for the cache. Only a
// whole body is kept.
type filling struct {
	c      *caching
	g      *Gateway
	flight *flight
	answer *answer
	sent   time.Time // the request
	limit  int64     // of a body that is kept
	src    io.ReadCloser
	// keep is called with the answer once it is whole, and returns it with its price.
	keep func(*answer) *answer

	reserved int
}

// begin takes over the body of res. A short one is read at once: the error, then, is that the
// server did not send it whole. A longer one comes by and by, to all riders.
func (b *filling) begin(res *http.Response) error {
	b.src = res.Body
	switch n := res.ContentLength; {
	case n == 0 || res.Body == http.NoBody:
		return b.complete([]byte{})
	case n > 0 && n <= min(eagerBytes, b.limit) && b.reserve(int(n)):
		body := make([]byte, n)
		if _, err := io.ReadFull(b.src, body); err != nil {
			b.release()
			_ = b.src.Close() // it has failed already
			return fmt.Errorf("read the answer's body: %w", err)
		}
		return b.complete(body)
	}
	b.flight.length = res.ContentLength
	body := newBroadcast(int(b.limit))
	b.flight.open(b.answer, body)
	go b.pump(body)
	return nil
}

// complete keeps an answer whose body is here.
func (b *filling) complete(body []byte) error {
	b.answer.body = body
	b.answer.took = time.Since(b.sent)
	b.release()
	b.flight.open(b.keep(b.answer), nil)
	b.c.flights.land(b.flight, false)
	return b.src.Close()
}

// pump reads the body until its end, or until nobody rides any more.
func (b *filling) pump(body *broadcast) {
	ended := errBodyPanicked // until it is known better
	defer func() {
		if value := recover(); value != nil {
			b.g.count.panics.Add(1)
			b.g.logger.Error("reading a body panicked", "panic", value, "stack", string(debug.Stack()))
		}
		body.end(ended)
		b.release()
		b.c.flights.land(b.flight, false)
	}()
	err := b.copy(body)
	closing := b.src.Close()
	whole := err == io.EOF //nolint:errorlint // a wrapped one says something else
	if whole && closing != nil {
		err, whole = closing, false
	}
	if whole && !body.isOver() {
		a := *b.answer // the riders have the other one
		a.body, a.took = body.whole(), time.Since(b.sent)
		price := b.keep(&a).price
		b.g.count.moneySaved.add(price * float64(b.flight.joined.Load()))
	}
	ended = err
}

// copy reads until the error that ends the body, which is io.EOF if it is whole.
func (b *filling) copy(body *broadcast) error {
	buf := make([]byte, bufferBytes)
	for {
		n, err := b.src.Read(buf)
		if n > 0 {
			b.pass(body, buf[:n])
		}
		if err != nil {
			return err
		}
		body.waitForReader(b.flight.ctx)
	}
}

// pass hands a part of the body to the riders. When it has become too long to be kept, nobody
// boards any more.
func (b *filling) pass(body *broadcast, part []byte) {
	over := body.isOver()
	if !over && !b.reserve(len(part)) {
		body.giveUp()
		over = true
		b.c.flights.close(b.flight)
	}
	if whole := body.write(bytes.Clone(part)); !whole && !over {
		b.c.flights.close(b.flight)
		b.c.flights.note(b.flight.key, false) // the next one would be as long
	}
}

func (b *filling) reserve(n int) bool {
	if !b.c.reserve(n) {
		return false
	}
	b.reserved += n
	return true
}

func (b *filling) release() {
	b.c.release(b.reserved)
	b.reserved = 0
}
