package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/sentientcore/upshift/cache"
)

// filling is a body that is copied for the cache while it passes. Only a whole one is kept.
type filling struct {
	c      *caching
	x      *exchange
	req    *http.Request
	look   look
	flight *flight
	answer *answer
	since  cache.Mark
	src    io.ReadCloser

	copied []byte
	over   bool // nothing is to be kept any more, or it was
}

// begin puts the filling in the place of the response's body. A short body is read at once:
// the error, then, is that the server did not send it whole.
func (b *filling) begin(res *http.Response) error {
	limit := b.x.cfg.CacheMaxBodyBytes
	switch n := res.ContentLength; {
	case n > limit:
		res.Body = b
		b.giveUp(true)
	case n == 0 || res.Body == http.NoBody:
		res.Body = http.NoBody
		b.copied = []byte{}
		return b.complete()
	case n > 0 && n <= eagerBytes && b.c.keep.reserve(int(n)):
		b.copied = make([]byte, n)
		if _, err := io.ReadFull(b.src, b.copied); err != nil {
			b.giveUp(false)
			_ = b.src.Close() // it has failed already
			return fmt.Errorf("read the answer's body: %w", err)
		}
		res.Body = newBytesBody(b.copied)
		return b.complete()
	default:
		res.Body = b
	}
	return nil
}

// complete keeps the whole body.
func (b *filling) complete() error {
	b.answer.body = b.copied
	b.c.keep.put(b.flight, b.look, b.answer, b.req.Header, b.since)
	b.giveUp(false)
	return b.src.Close()
}

// giveUp ends the copy; unshareable says that the next one would end so too.
func (b *filling) giveUp(unshareable bool) {
	if b.over {
		return
	}
	b.over = true
	b.c.keep.release(len(b.copied))
	b.copied = nil
	b.c.flights.note(b.look.key, !unshareable)
	b.c.flights.land(b.flight, unshareable)
}

func (b *filling) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.over {
		return n, err
	}
	switch {
	case int64(len(b.copied)+n) > b.x.cfg.CacheMaxBodyBytes:
		b.giveUp(true)
		return n, err
	case !b.c.keep.reserve(n):
		b.giveUp(false)
		return n, err
	}
	b.copied = append(b.copied, p[:n]...)
	switch {
	case err == io.EOF:
		b.answer.body = bytes.Clone(b.copied) // without the room it grew into
		b.c.keep.put(b.flight, b.look, b.answer, b.req.Header, b.since)
		b.giveUp(false)
	case err != nil:
		b.giveUp(false)
	}
	return n, err
}

// Close ends the body: a client that leaves before its end leaves nothing to keep.
func (b *filling) Close() error {
	b.giveUp(false)
	return b.src.Close()
}
