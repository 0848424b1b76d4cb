package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// errCut says that a second signal ended the program before everything had drained.
var errCut = errors.New("stopped at once: requests in flight were cut")

// sameSignal is how long signals count as one: a key press, or timeout(1), reaches a process
// through its group and through its parent.
const sameSignal = 250 * time.Millisecond

// interrupts tells of SIGINT, SIGTERM and those in more: the first ends ctx, the second
// closes again. stop gives the signals back.
func interrupts(parent context.Context, more ...os.Signal) (ctx context.Context, again <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, append(more, os.Interrupt, syscall.SIGTERM)...)
	ctx, cancel := context.WithCancel(parent)
	second, gone := make(chan struct{}), make(chan struct{})
	go func() {
		var presses presses
		for {
			select {
			case <-signals:
			case <-gone:
				return
			}
			switch presses.count(time.Now()) {
			case 1:
				cancel()
			case 2:
				close(second)
				return
			}
		}
	}()
	return ctx, second, func() {
		signal.Stop(signals)
		close(gone)
		cancel()
	}
}

// orCut runs work to its end, or leaves it when again closes: the process ends then.
func orCut(again <-chan struct{}, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-again:
		return errCut
	}
}

// presses tells one wish to stop from the next.
type presses struct{ first time.Time }

// count is 1 for the first signal, 2 for a further one, 0 for an echo of the first.
func (p *presses) count(at time.Time) int {
	switch {
	case p.first.IsZero():
		p.first = at
		return 1
	case at.Sub(p.first) < sameSignal:
		return 0
	}
	return 2
}
