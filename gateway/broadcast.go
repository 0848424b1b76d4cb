package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
)

// minWindow is how much of a body that is not kept whole stays for those who read it more slowly.
const minWindow = 64 << 10

// errLagged is what a reader gets that was too slow for a body longer than what is kept of it.
var errLagged = errors.New("gateway: too slow for a body that others read as well")

// broadcast is a body that many read while it comes. Each gets all of it from its beginning, at
// once what is there already, then what comes, when it comes; none waits for another one.
//
// While it is at most limit bytes long, all of it stays. From there on only a window does: the
// writer then waits for the fastest reader, so that memory is bounded, and a reader that falls
// behind by more than the window gets [errLagged], which its client sees as a cut.
type broadcast struct {
	limit int

	mu       sync.Mutex // guards the fields below
	chunks   [][]byte
	gone     int // chunks that are not there any more
	bytes    int // in chunks
	over     bool
	furthest int           // chunks that the fastest reader has taken
	err      error         // how it ended; nil: not yet
	changed  chan struct{} // closed when chunks or err change
	taken    chan struct{} // told when furthest does
}

func newBroadcast(limit int) *broadcast {
	return &broadcast{limit: limit, changed: make(chan struct{}), taken: make(chan struct{}, 1)}
}

// write appends a chunk, which must not change any more. It reports whether the body is still
// kept whole.
func (b *broadcast) write(chunk []byte) (whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunks = append(b.chunks, chunk)
	b.bytes += len(chunk)
	if b.bytes > b.limit {
		b.over = true
	}
	if b.over {
		b.drop()
	}
	b.wake()
	return !b.over
}

// giveUp ends keeping it whole.
func (b *broadcast) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.limit = min(b.limit, max(minWindow, b.bytes))
}

func (b *broadcast) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

// drop forgets the oldest chunks beyond the window, with mu held, but none that the fastest reader
// still needs.
func (b *broadcast) drop() {
	n := 0
	for b.bytes > b.limit && b.gone+n < b.furthest {
		b.bytes -= len(b.chunks[n])
		b.chunks[n] = nil
		n++
	}
	b.chunks = b.chunks[n:]
	b.gone += n
}

// wake tells all readers, with mu held.
func (b *broadcast) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// end says how the body ended: with io.EOF it is whole.
func (b *broadcast) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	b.wake()
}

// whole returns the body in one piece; it must not have become too long.
func (b *broadcast) whole() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]byte, 0, b.bytes)
	for _, c := range b.chunks {
		out = append(out, c...)
	}
	return out
}

// waitForReader waits, where the body is not kept whole, until the fastest reader is within half
// the window of its end, or ctx ends.
func (b *broadcast) waitForReader(ctx context.Context) {
	for b.ahead() {
		select {
		case <-b.taken:
		case <-ctx.Done():
			return
		}
	}
}

// ahead reports whether the body is too far ahead of its fastest reader.
func (b *broadcast) ahead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		return false
	}
	unread := 0
	for i := max(b.furthest-b.gone, 0); i < len(b.chunks); i++ {
		unread += len(b.chunks[i])
	}
	return unread > b.limit/2
}

// listener is one reader of a broadcast.
type listener struct {
	*broadcast
	ctx  context.Context //nolint:containedctx // io.Reader has none
	done func()          // told once, at Close

	next   int // the chunk to read, counted from the beginning
	offset int // of it
}

// listen returns a reader from the beginning, which must still be there.
func (b *broadcast) listen(ctx context.Context, done func()) *listener {
	return &listener{broadcast: b, ctx: ctx, done: sync.OnceFunc(done)}
}

// Read returns what there is, or waits for it.
func (l *listener) Read(p []byte) (int, error) {
	for {
		n, changed, err := l.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		}
	}
}

// take copies what there is.
func (l *listener) take(p []byte) (n int, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next < l.gone {
		return 0, nil, errLagged
	}
	for n < len(p) && l.next-l.gone < len(l.chunks) {
		chunk := l.chunks[l.next-l.gone]
		c := copy(p[n:], chunk[l.offset:])
		n += c
		if l.offset += c; l.offset == len(chunk) {
			l.next, l.offset = l.next+1, 0
		}
	}
	if l.next > l.furthest {
		l.furthest = l.next
		select {
		case l.taken <- struct{}{}:
		default: // it knows
		}
	}
	if n == 0 {
		err = l.err
	}
	return n, l.changed, err
}

// Close ends the reading.
func (l *listener) Close() error {
	l.done()
	return nil
}

var _ io.ReadCloser = (*listener)(nil)
