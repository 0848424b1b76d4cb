package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/internal/pgtest"
)

// startTimeout bounds the start of everything.
const startTimeout = 60 * time.Second

// Demo is the system with its traffic. It runs once.
type Demo struct {
	cfg     Config
	corpus  *corpus
	gateway *caller
	manager *upshift.Manager
	users   *users

	dataDir  string
	database *database // nil: the corpus stays in memory
	missing  error     // why there is no database
	taken    []string  // addresses that another program has

	undo []func() error // what has to be undone in the end, last first
}

// New returns a demo and starts nothing. It names every fault of cfg at once.
func New(cfg Config) (*Demo, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	// Not every address is known yet; what the caller sets can be judged all the same.
	if _, _, err := loader(append(settings(os.TempDir(), "", nil), cfg.Sets...))(); err != nil {
		return nil, err
	}
	return &Demo{cfg: cfg.withDefaults(), gateway: newCaller()}, nil
}

// Run starts everything, lets the users come until ctx ends or the duration is over, and
// undoes all of it: servers, Postgres, files. It does so too when the start fails half-way.
func (d *Demo) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, d.cleanUp()) }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was ended before it had begun
		}
		return err
	}
	if d.cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.cfg.Duration)
		defer cancel()
	}
	d.explain()
	d.cfg.Ready(d.manager)
	var wg sync.WaitGroup
	if d.database != nil {
		c := curator{database: d.database, gateway: d.gateway, profiler: d.manager.Profiler, logger: d.cfg.Logger}
		wg.Go(func() { c.run(ctx) })
	}
	if d.cfg.Live {
		wg.Go(func() { d.tell(ctx) })
	}
	d.users.run(ctx)
	wg.Wait()
	return nil
}

// start brings up Postgres, the replicas and the server in front of them.
func (d *Demo) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	d.corpus = newCorpus(d.cfg.Seed)
	d.users = newUsers(d.gateway, d.corpus.questions, d.cfg)
	if err := d.makeDataDir(ctx); err != nil {
		return err
	}
	if err := d.startDatabase(ctx); err != nil {
		return err
	}
	listeners, err := d.listen(ctx)
	if err != nil {
		return err
	}
	if err := d.build(ctx, listeners); err != nil {
		return err
	}
	d.serve(ctx, listeners)
	d.later(func() error { return d.manager.Shutdown(context.WithoutCancel(ctx)) })
	if err := d.manager.Start(ctx); err != nil {
		return err
	}
	d.gateway.to(d.manager.GatewayAddr())
	d.later(d.gateway.close)
	return nil
}

// later notes what has to be undone in the end.
func (d *Demo) later(undo func() error) { d.undo = append(d.undo, undo) }

// cleanUp undoes what was started, in reverse.
func (d *Demo) cleanUp() error {
	var errs []error
	for _, undo := range slices.Backward(d.undo) {
		errs = append(errs, undo())
	}
	d.undo = nil
	return errors.Join(errs...)
}

func (d *Demo) makeDataDir(ctx context.Context) error {
	d.dataDir = d.cfg.DataDir
	if d.dataDir != "" {
		return nil
	}
	if err := sweep(ctx, os.TempDir()); err != nil {
		d.cfg.Logger.Warn("directories of killed demos not removed", "err", err)
	}
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	d.dataDir = dir
	d.later(func() error { return os.RemoveAll(dir) })
	return nil
}

// startDatabase does without a database where there is no Postgres.
func (d *Demo) startDatabase(ctx context.Context) error {
	if d.cfg.NoPostgres {
		d.missing = errors.New("not wanted (--no-postgres)")
		return nil
	}
	db, err := startDatabase(ctx, d.corpus)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, pgtest.ErrNoBinaries):
		d.missing = err
		return nil
	case err != nil:
		d.missing = err
		d.cfg.Logger.Warn("postgres not started, the corpus stays in memory", "err", err)
		return nil
	}
	d.database = db
	d.later(db.stop)
	return nil
}

// spec is a replica before it serves.
type spec struct {
	name  string
	pace  pace
	moods func(time.Duration) Mood
}

// replicas are the servers of the demo; the package comment says what is wrong with them.
var replicas = []spec{
	{"rag-fast", pace{factor: 1, slots: 96}, alwaysSteady},
	{"rag-slow", pace{factor: 2.5, slots: 64}, MoodAt},
}

// listen opens a port for each replica.
func (d *Demo) listen(ctx context.Context) ([]net.Listener, error) {
	listeners := make([]net.Listener, 0, len(replicas))
	for _, s := range replicas {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", s.name, err)
		}
		d.later(func() error { return closed(ln.Close()) })
		listeners = append(listeners, ln)
	}
	return listeners, nil
}

// closed ignores that something was closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// build makes the server in front of the replicas.
func (d *Demo) build(ctx context.Context, listeners []net.Listener) error {
	sets, taken, err := freeAddresses(ctx)
	if err != nil {
		return err
	}
	d.taken = taken
	servers := make([]string, len(listeners))
	for i, ln := range listeners {
		servers[i] = replicas[i].name + "=http://" + ln.Addr().String()
	}
	url := ""
	if d.database != nil {
		url = d.database.url()
	}
	load := loader(slices.Concat(sets, settings(d.dataDir, url, servers), d.cfg.Sets))
	cfg, shown, err := load()
	if err != nil {
		return err
	}
	d.manager, err = upshift.New(cfg, upshift.Collaborators{
		Logger: d.cfg.Logger, Load: load, Settings: shown, Version: d.cfg.Version,
	})
	if err != nil || d.database == nil {
		return err
	}
	return d.database.open(ctx, d.manager.Postgres)
}

// serve lets the replicas answer until cleanUp, in which they are the last to go.
func (d *Demo) serve(ctx context.Context, listeners []net.Listener) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := world{gateway: d.gateway, passages: d.corpus, profiler: d.manager.Profiler}
	if d.database != nil {
		w.passages = d.database
	}
	var wg sync.WaitGroup
	failed := make(chan error, len(listeners))
	for i, ln := range listeners {
		r := newReplica(replicas[i].name, replicas[i].pace, replicas[i].moods, w)
		wg.Go(func() { failed <- r.serve(ctx, ln, d.cfg.Logger) })
	}
	d.later(func() error {
		cancel()
		wg.Wait()
		close(failed)
		var errs []error
		for err := range failed {
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}
