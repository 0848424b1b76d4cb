package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func nothing() {}

// Each reader gets all of the body, whenever it comes and however it reads.
func TestBroadcastIsTheSameForAll(t *testing.T) {
	t.Parallel()
	const readers = 200
	want := make([]byte, 50_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	b := newBroadcast(len(want))
	var wg sync.WaitGroup
	join := func(i int) {
		wg.Go(func() {
			l := b.listen(t.Context(), nothing)
			var r io.Reader = l
			if i%2 == 0 {
				r = iotest.HalfReader(l)
			}
			if got, err := io.ReadAll(r); !bytes.Equal(got, want) || err != nil {
				t.Errorf("reader %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	joined := 0
	for rest := want; len(rest) > 0; {
		for range readers / 100 {
			join(joined)
			joined++
		}
		n := min(1+rnd.IntN(999), len(rest))
		if !b.write(bytes.Clone(rest[:n])) {
			t.Error("given up below the limit")
		}
		rest = rest[n:]
	}
	b.end(io.EOF)
	join(joined)
	wg.Wait()
	if !bytes.Equal(b.whole(), want) {
		t.Error("what is kept differs")
	}
}

func TestBroadcastEndsAsTheBodyDid(t *testing.T) {
	t.Parallel()
	b := newBroadcast(100)
	b.write([]byte("half"))
	broken := errors.New("broken")
	b.end(broken)
	if got, err := io.ReadAll(b.listen(t.Context(), nothing)); string(got) != "half" || !errors.Is(err, broken) {
		t.Errorf("got %q, %v", got, err)
	}
}

// Beyond the limit memory is bounded, the writer waits for the fastest reader, and a slow one is
// cut without slowing the fast one.
func TestBroadcastBeyondTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, total = 1000, 100_000
		b := newBroadcast(limit)
		slow, fast := b.listen(t.Context(), nothing), b.listen(t.Context(), nothing)
		if _, err := io.ReadFull(slow, make([]byte, 0)); err != nil {
			t.Fatal(err)
		}
		read := make(chan int)
		go func() {
			n, err := io.Copy(io.Discard, fast)
			if err != nil {
				t.Errorf("the fast reader: %v", err)
			}
			read <- int(n)
		}()
		for n := 0; n < total; n += 100 {
			b.write(make([]byte, 100))
			b.waitForReader(t.Context())
			if b.bytes > limit+100 {
				t.Fatalf("%d bytes are kept, bound %d", b.bytes, limit)
			}
		}
		b.end(io.EOF)
		if n := <-read; n != total {
			t.Errorf("the fast reader got %d bytes of %d", n, total)
		}
		if _, err := io.ReadAll(slow); !errors.Is(err, errLagged) {
			t.Errorf("the slow reader: %v, want %v", err, errLagged)
		}
	})
}

// With nobody to read, the writer waits; it stops waiting when the flight ends.
func TestBroadcastDoesNotRunAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroadcast(100)
		b.listen(t.Context(), nothing)
		b.giveUp()
		b.limit = 100
		ctx, cancel := context.WithCancel(t.Context())
		written := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				b.write(make([]byte, 10))
				written += 10
				b.waitForReader(ctx)
			}
		}()
		synctest.Wait()
		if written > 60 {
			t.Errorf("%d bytes were written ahead of the reader", written)
		}
		cancel()
		<-done
	})
}

func TestListenerLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBroadcast(100)
	ctx, cancel := context.WithCancel(t.Context())
	left := 0
	l := b.listen(ctx, func() { left++ })
	cancel()
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = l.Close()
	_ = l.Close()
	if left != 1 {
		t.Errorf("left %d times", left)
	}
}
