package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Node does what it is told.
type Node struct {
	// Held is what removes keys and is watched for it; Cache, for the other lines, may be nil.
	Held  Holder
	Cache *Cache

	mu  sync.Mutex // guards out
	out io.Writer
}

// Holder has keys in the memory of its process, as long as no other process removes them.
type Holder interface {
	Fill(ctx context.Context, keys []string) error
	// Hold has a key in memory.
	Hold(ctx context.Context, key string) error
	// Has reports whether it still is there.
	Has(ctx context.Context, key string) bool
	Remove(ctx context.Context, key string) error
}

// Run takes lines until in ends, and returns when all they began has ended.
func (n *Node) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.out = out
	n.say("ready")
	var running sync.WaitGroup
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		running.Go(func() {
			if err := n.do(ctx, words); err != nil && ctx.Err() == nil {
				n.say("failed", words, err)
			}
		})
	}
	cancel()
	running.Wait()
	return lines.Err()
}

// say writes a line.
func (n *Node) say(words ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = fmt.Fprintln(n.out, words...) // a parent that is gone hears nothing
}

// tell writes a line with figures.
func (n *Node) tell(verb, what string, figures any) error {
	text, err := json.Marshal(figures)
	if err != nil {
		return err
	}
	n.say(verb, what, string(text))
	return nil
}

var errLine = errors.New("no such line")

func (n *Node) do(ctx context.Context, words []string) error {
	if len(words) < 2 {
		return errLine
	}
	verb, what, args := words[0], words[1], words[2:]
	numbers := make([]int, 0, len(args))
	for _, a := range args {
		if v, err := strconv.Atoi(a); err == nil {
			numbers = append(numbers, v)
		}
	}
	switch {
	case verb == "fill" && len(numbers) == 1:
		defer n.say("filled", what)
		return n.Held.Fill(ctx, keys(what, numbers[0]))
	case verb == "hold" && len(numbers) == 1:
		for _, key := range keys(what, numbers[0]) {
			if err := n.Held.Hold(ctx, key); err != nil {
				return err
			}
		}
		n.say("held", what)
	case verb == "watch" && len(args) == 2 && len(numbers) > 0:
		return n.watch(ctx, what, keys(what, numbers[0]), args[1])
	case verb == "remove" && len(args) == 3 && len(numbers) > 1:
		return n.remove(ctx, what, keys(what, numbers[0]), numbers[1], args[2])
	case n.Cache != nil:
		return n.cached(ctx, verb, what, numbers)
	default:
		return errLine
	}
	return nil
}

// cached does what only the product's cache can.
func (n *Node) cached(ctx context.Context, verb, what string, numbers []int) error {
	switch {
	case verb == "ask" && len(numbers) == 2:
		return n.tell("asked", what, n.Cache.ask(ctx, what, numbers[0], numbers[1], func() { n.say("loading", what) }))
	case verb == "cancel":
		n.Cache.cancel(what)
	case verb == "tag" && len(numbers) == 3:
		if err := n.Cache.tag(ctx, what, numbers[0], numbers[1], numbers[2]); err != nil {
			return err
		}
		n.say("tagged", what)
	case verb == "clear":
		return n.tell("cleared", what, n.Cache.clear(ctx, what))
	case verb == "figures":
		return n.tell("figures", what, n.Cache.figures())
	default:
		return errLine
	}
	return nil
}

func keys(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + "-" + strconv.Itoa(i)
	}
	return out
}
