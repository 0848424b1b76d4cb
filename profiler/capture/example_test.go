package capture_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sentientcore/upshift/profiler/capture"
)

// A program captures its own goroutines and reads where most of them are.
func Example() {
	dir, err := os.MkdirTemp("", "captures")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	captures, err := capture.Open(dir, capture.Config{Manual: true}, capture.Signals{})
	if err != nil {
		panic(err)
	}
	defer captures.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- captures.Run(ctx) }()

	c, err := captures.Start(capture.Request{Kind: capture.Goroutine})
	if err != nil {
		panic(err)
	}
	_, p, err := captures.Profile(c.ID)
	for ; errors.Is(err, capture.ErrNotDone); _, p, err = captures.Profile(c.ID) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		panic(err)
	}
	top, err := capture.NewTop(p, "", 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(top.Sample, top.Functions[0].Name)
	cancel()
	fmt.Println(<-ended)
	// Output:
	// goroutine runtime.gopark
	// <nil>
}
