package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/sentientcore/upshift/bench/causeload"
	"github.com/sentientcore/upshift/bench/costload"
	"github.com/sentientcore/upshift/bench/diskload"
	"github.com/sentientcore/upshift/bench/gcload"
	"github.com/sentientcore/upshift/bench/leakload"
	"github.com/sentientcore/upshift/bench/node"
	"github.com/sentientcore/upshift/bench/role"
)

// Exit codes.
const (
	exitFine  = 0
	exitFault = 1 // a bar was missed or could not be measured
	exitUsage = 2
)

func main() {
	if len(os.Args) > 2 && (os.Args[2] == "leakload" || os.Args[2] == "costload") {
		runtime.MemProfileRate = leakload.ProfileRate // before anything allocates
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == roleArg {
		os.Exit(asRole(ctx, os.Args[2:]))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// roleArg makes this program one of its own children: role backend, role proxy URL, role trouble ADDRESS, or a node over
// Redis, role cache URL or role tracking URL.
const roleArg = "role"

func asRole(ctx context.Context, args []string) int {
	var err error
	switch kind, last := args[0], args[len(args)-1]; kind {
	case "gcload":
		err = gcload.Run(ctx, args[1:], os.Stdout)
	case "diskload":
		err = diskload.Run(ctx, args[1:], os.Stdin, os.Stdout)
	case "causeload":
		err = causeload.Run(ctx, args[1:], os.Stdout)
	case "costload":
		err = costload.Run(ctx, args[1:], os.Stdout)
	case "leakload":
		err = leakload.Run(args[1:], os.Stdout)
	case "cache":
		err = runCache(ctx, last)
	case "tracking":
		err = runTracking(ctx, last)
	case "trouble":
		err = role.ServeAt(ctx, last, role.NewTrouble(), os.Stdin, os.Stdout)
	default:
		err = serveRole(ctx, kind, last)
	}
	return exitOf(err)
}

func exitOf(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFault
	}
	return exitFine
}

// serveRole is a backend or a proxy.
func serveRole(ctx context.Context, kind, url string) error {
	handler, err := role.Backend(), error(nil)
	if kind == "proxy" {
		handler, err = role.Proxy(url)
	}
	if err != nil {
		return err
	}
	return role.Serve(ctx, handler, os.Stdin, os.Stdout)
}

// runCache is a node of the product.
func runCache(ctx context.Context, url string) error {
	ctx, cancel := context.WithCancel(ctx)
	c, err := node.NewCache(ctx, url)
	if err != nil {
		cancel()
		return err
	}
	n := node.Node{Held: c, Cache: c}
	err = n.Run(ctx, os.Stdin, os.Stdout)
	cancel()
	return errors.Join(err, c.Wait())
}

// runTracking is a node of the rival.
func runTracking(ctx context.Context, url string) error {
	t, err := node.NewTracking(url)
	if err != nil {
		return err
	}
	defer t.Close()
	n := node.Node{Held: t}
	return n.Run(ctx, os.Stdin, os.Stdout)
}

// options are what the command line says.
type options struct {
	names   []string
	rounds  int
	quick   bool
	product string
	root    string
	// traces is a folder of traces, trace one to play instead of all, in caches of sizes.
	traces, trace string
	sizes         []int
	seed          uint64
	// scale is the scale factor of a database.
	scale float64
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of what is interleaved; the median counts")
	flags.BoolVar(&o.quick, "quick", false, "measure shortly: to try the harness, not to quote")
	flags.StringVar(&o.product, "upshift", "", "the program to measure; ROOT/bin/upshift when empty")
	flags.StringVar(&o.root, "root", "..", "the project's folder")
	flags.StringVar(&o.traces, "traces", "", "hitratio, mrc: a folder with traces, NAME.ctr.gz")
	flags.StringVar(&o.trace, "trace", "", "hitratio, mrc: a file with the one trace to play")
	flags.Func("sizes", "hitratio, mrc: entries of the caches, such as 500,2000", func(text string) error {
		return readSizes(text, &o.sizes)
	})
	flags.Float64Var(&o.scale, "sf", 0.5, "pgadvise: scale factor of the database")
	flags.Uint64Var(&o.seed, "seed", 1, "hitratio, mrc, price, leaks, sim, replay, pgadvise: what made-up traces and places begin with")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: bench [flags] [name ...]")
		for _, b := range bars() {
			fmt.Fprintf(stderr, "  %-10s %s\n", b.name, b.about)
		}
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.names = flags.Args()
	for _, name := range o.names {
		if !slices.ContainsFunc(bars(), func(b bar) bool { return b.name == name }) {
			flags.Usage()
			return o, fmt.Errorf("there is no bar %q", name)
		}
	}
	if o.rounds < 1 || o.rounds > 100 {
		return o, fmt.Errorf("-rounds must be between 1 and 100 (got %d)", o.rounds)
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return o, err
	}
	o.root = root
	if o.product == "" {
		o.product = filepath.Join(root, "bin", "upshift")
	}
	o.product, err = filepath.Abs(o.product)
	return o, err
}

// readSizes reads numbers of entries.
func readSizes(text string, sizes *[]int) error {
	for _, field := range strings.Split(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > 1<<24 {
			return fmt.Errorf("-sizes: %q is no number from 1 to %d", field, 1<<24)
		}
		*sizes = append(*sizes, n)
	}
	return nil
}

// inside reports whether nothing that was asked for needs the program.
func (o options) inside() bool {
	for _, b := range bars() {
		if !b.inside && (len(o.names) == 0 || slices.Contains(o.names, b.name)) {
			return false
		}
	}
	return true
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return exitUsage
	}
	if _, err := os.Stat(o.product); err != nil && !o.inside() {
		fmt.Fprintf(stderr, "bench: %v; build it: make build\n", err)
		return exitFault
	}
	debug.SetGCPercent(400) // the generator's own collections should not be in the tail
	rep := newReport(stdout, facts(ctx, o))
	for _, b := range bars() {
		if len(o.names) > 0 && !slices.Contains(o.names, b.name) {
			continue
		}
		if err := measure(ctx, b, o, rep, stderr); err != nil {
			rep.fail(b.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	path, err := rep.write(filepath.Join(o.root, "bench", "out"))
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitFault
	}
	fmt.Fprintf(stdout, "\nwritten to %s\n", strings.TrimPrefix(path, o.root+string(filepath.Separator)))
	if !rep.passed() {
		return exitFault
	}
	return exitFine
}
