package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// Errors that Open and the methods of a Store return.
var (
	// ErrInUse means that another process has the directory open.
	ErrInUse = errors.New("data directory in use by another upshift")
	// ErrClosed means that the Store is closed.
	ErrClosed = errors.New("metrics: store is closed")
)

// Store keeps samples in one directory and answers queries over them. All its methods may
// be called concurrently.
type Store struct {
	dir    string
	logger *slog.Logger
	config atomic.Pointer[Config]
	lock   *tsdbutil.DirLocker
	db     *tsdb.DB
	engine *promql.Engine
	parser parser.Parser
	retain *retention
	bad    *badBlocks
	count  counters

	appendMu sync.Mutex // guards writer: one Append at a time
	writer   *writer

	currentMu sync.Mutex // guards current
	current   cachedCurrent

	meta  metadata
	seeds seedCache
	disk  diskUse
	slots chan struct{} // one token for each query that runs

	// life is held for reading by everything that uses db, and for writing by Close.
	life   sync.RWMutex
	closed bool
}

// Open opens the store in dir, which it makes where it is missing. Damaged files do not
// keep it from opening: see the package comment. The error names dir and the remedy when
// dir cannot be written or is in use, which is [ErrInUse].
func Open(dir string, cfg Config, logger *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	cfg = cfg.WithDefaults()
	s := &Store{dir: dir, logger: logger, slots: make(chan struct{}, concurrentLimit)}
	s.config.Store(&cfg)
	s.retain = newRetention(&s.config)
	s.bad = &badBlocks{dir: dir, logger: logger, count: &s.count}
	if err := s.open(); err != nil {
		return nil, err
	}
	s.parser = parser.NewParser(parser.Options{})
	s.engine = newEngine(s.parser, cfg.CollectionInterval)
	s.writer = newWriter(s)
	return s, nil
}

func (s *Store) open() error {
	if err := makeWritable(s.dir); err != nil {
		return err
	}
	lock, err := takeLock(s.dir)
	if err != nil {
		return err
	}
	db, err := s.openDB()
	if err != nil {
		return errors.Join(fmt.Errorf("metrics: open %s: %w", s.dir, err), lock.Release())
	}
	s.lock, s.db = lock, db
	return nil
}

// makeWritable makes dir and tries to write in it.
func makeWritable(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = tryWrite(dir)
	}
	if err == nil {
		return nil
	}
	reason := err
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		reason = pathErr.Err
	}
	remedy := "set data_dir to a directory this user may write"
	if errors.Is(err, syscall.ENOSPC) {
		remedy = "free some disk space"
	}
	return fmt.Errorf("metrics: %s cannot be written: %w; %s", dir, reason, remedy)
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, "write-test-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteString("upshift")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func takeLock(dir string) (*tsdbutil.DirLocker, error) {
	lock, err := tsdbutil.NewDirLocker(dir, "upshift_metrics", slog.New(slog.DiscardHandler), nil)
	if err == nil {
		err = lock.Lock()
	}
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("metrics: %s: %w; stop it or set another data_dir", dir, ErrInUse)
	}
	return nil, fmt.Errorf("metrics: lock %s: %w", dir, err)
}

// Close flushes and closes the store and waits for what it does in the background. It is
// idempotent; queries that run end first.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(
		s.syncLog(time.Now()),
		s.engine.Close(),
		s.db.Close(),
		s.lock.Release(),
	)
}

// use keeps the store open until the function it returns is called.
func (s *Store) use() (done func(), err error) {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return nil, ErrClosed
	}
	return s.life.RUnlock, nil
}

// Apply puts cfg in force while the store runs. Retention follows within an hour.
func (s *Store) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.WithDefaults()
	s.config.Store(&cfg)
	s.seeds.clear()
	return nil
}

// Config returns what is in force, with its defaults.
func (s *Store) Config() Config { return *s.config.Load() }

// Compact writes the older part of what is in memory to disk and merges blocks, which
// happens by itself every two hours of samples.
func (s *Store) Compact(ctx context.Context) error {
	done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	return s.db.Compact(ctx)
}

func (s *Store) walDir() string { return filepath.Join(s.dir, "wal") }

// discardRegistry keeps the database's own instruments apart from the process's.
func discardRegistry() *prometheus.Registry { return prometheus.NewRegistry() }
