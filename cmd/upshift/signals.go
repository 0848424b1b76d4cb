package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errCut says that a second signal ended the program before everything had drained.
var errCut = errors.New("stopped at once: requests in flight were cut")

// interrupts tells of SIGINT, SIGTERM and those in more: the first ends ctx, the second
// closes again. stop gives the signals back.
func interrupts(parent context.Context, more ...os.Signal) (ctx context.Context, again <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, append(more, os.Interrupt, syscall.SIGTERM)...)
	ctx, cancel := context.WithCancel(parent)
	second, gone := make(chan struct{}), make(chan struct{})
	go func() {
		for _, act := range []func(){cancel, func() { close(second) }} {
			select {
			case <-signals:
				act()
			case <-gone:
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
