package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The errors that a caller may ask for.
var (
	// ErrNotConnected: the server cannot be reached now; the monitor tries again by itself.
	ErrNotConnected = errors.New("postgres: not connected")
	// ErrNoURL: there is no database to watch.
	ErrNoURL = errors.New("database.url: must be set")
	// ErrRunning: Run was called while it runs.
	ErrRunning = errors.New("postgres: the monitor runs already")
	// ErrBusy: another vacuum runs; they go one at a time.
	ErrBusy = errors.New("postgres: another vacuum is running; try again when it is done")
)

// The waits between two tries to connect.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// Monitor watches one database. [New] builds it, [Monitor.Run] is its life; all other
// methods may be called at any time from any goroutine, and answer from what the last
// reading found.
type Monitor struct {
	cfg     Config
	pgx     *pgxpool.Config
	secrets redactor
	logger  *slog.Logger
	tracer  *Tracer
	made    time.Time
	own     *poolTracer
	wake    chan struct{} // asks for a reading at once
	// vacuums and planning hold a token for each that runs.
	vacuums, planning chan struct{}

	running     atomic.Bool
	pool        atomic.Pointer[pgxpool.Pool] // nil while Run does not run
	watched     atomic.Pointer[pgxpool.Pool]
	polls       atomic.Uint64
	failedPolls atomic.Uint64

	mu        sync.Mutex // guards the fields below
	connected bool
	since     time.Time
	lastError string
	server    server
	totals    QueryStats
	hasTotals bool
	slow      []SlowQuery
	plans     map[string]plannedScans // replaced, never changed
	warnings  []string
	// examples are texts with literals, by fingerprint; they are planned with and shown to nobody.
	examples    map[string]string
	recommended []Recommendation
	calls       map[*call]struct{} // under way, ended by the end of Run
	callsDone   sync.WaitGroup
}

// call is work of a caller that uses the connections of Run.
type call struct{ cancel context.CancelFunc }

// New returns a monitor, or the faults of cfg. It opens no connection. A nil logger
// discards.
func New(cfg Config, logger *slog.Logger) (*Monitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.URL == "" {
		return nil, ErrNoURL
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	cfg = cfg.WithDefaults()
	m := &Monitor{
		cfg: cfg, logger: logger, tracer: NewTracer(cfg.QueryCacheSize), own: &poolTracer{},
		wake: make(chan struct{}, 1), vacuums: make(chan struct{}, 1), planning: make(chan struct{}, maxPlansAtOnce),
		slow: []SlowQuery{}, warnings: []string{}, calls: map[*call]struct{}{},
		made: time.Now(), examples: map[string]string{},
	}
	var err error
	if m.pgx, err = parseURL(cfg.URL); err != nil {
		return nil, err
	}
	m.secrets = newRedactor(cfg.URL, m.pgx.ConnConfig.Password)
	m.configure(m.pgx)
	return m, nil
}

// configure sets what the monitor decides about its connections, over what the URL says.
func (m *Monitor) configure(p *pgxpool.Config) {
	p.MaxConns = int32(m.cfg.ConnectionPoolSize)
	p.MinConns, p.MinIdleConns = 0, 0
	p.PingTimeout = m.cfg.ConnectTimeout
	c := p.ConnConfig
	c.Tracer = m.own
	c.ConnectTimeout = m.cfg.ConnectTimeout
	// No prepared statements that outlive their use: a pooler may be in between.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "upshift"
	}
	// A caller that gives up stops the statement on the server too.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
}

// Tracer counts the statements of the program's own connections for this monitor.
func (m *Monitor) Tracer() *Tracer { return m.tracer }

// State tells whether the last reading reached the server, since when that is so, and
// the last error while it does not. The error carries no password.
func (m *Monitor) State() (connected bool, since time.Time, lastError string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connected, m.since, m.lastError
}

// Run reads the server's statistics at the interval until ctx ends. A server that cannot be
// reached is no error: it is tried again, less and less often, every 15 s in the end.
func (m *Monitor) Run(ctx context.Context) error {
	if !m.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer m.running.Store(false)
	pool, err := pgxpool.NewWithConfig(ctx, m.pgx.Copy())
	if err != nil {
		return m.secrets.wrap(fmt.Errorf("postgres: make the pool: %w", err))
	}
	m.pool.Store(pool)
	defer m.end(pool)
	r := newReader(m.cfg.SlowQueryThreshold, m.cfg.QueryCacheSize)
	for retry := firstRetry; ; {
		wait := m.cfg.PollInterval
		if err := m.poll(ctx, pool, r); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			m.lost(err)
			wait = min(retry, lastRetry)
			retry = 2 * wait
		} else {
			retry = firstRetry
		}
		if !m.pause(ctx, wait) {
			return nil
		}
	}
}

// pause waits, ±20 %, or until a reading is asked for; false when ctx ended.
func (m *Monitor) pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-m.wake:
	case <-t.C:
	}
	return true
}

// end ends the calls under way and closes the pool.
func (m *Monitor) end(pool *pgxpool.Pool) {
	m.mu.Lock()
	m.pool.Store(nil)
	m.connected, m.since, m.lastError = false, time.Now(), "not running"
	for c := range m.calls {
		c.cancel()
	}
	m.mu.Unlock()
	m.callsDone.Wait()
	pool.Close()
}

// begin registers work that uses connections: it ends with ctx or with Run. The caller
// calls done in the end.
func (m *Monitor) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.connected || m.pool.Load() == nil {
		if m.lastError != "" {
			return nil, nil, fmt.Errorf("%w: %s", ErrNotConnected, m.lastError)
		}
		return nil, nil, ErrNotConnected
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &call{cancel: cancel}
	m.calls[c] = struct{}{}
	m.callsDone.Add(1)
	return ctx, func() {
		cancel()
		m.mu.Lock()
		delete(m.calls, c)
		m.mu.Unlock()
		m.callsDone.Done()
	}, nil
}

// connect opens a connection outside the pool, to be thrown away after use: what a
// statement leaves behind in its session goes with it.
func (m *Monitor) connect(ctx context.Context, notice func(*pgconn.Notice)) (*pgx.Conn, error) {
	cfg := m.pgx.ConnConfig.Copy()
	if notice != nil {
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notice(n) }
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		m.look()
		return nil, m.secrets.wrap(fmt.Errorf("postgres: connect: %w", err))
	}
	return conn, nil
}

// hangUp closes a connection of connect.
func (m *Monitor) hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.ConnectTimeout)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		m.logger.Debug("close a database connection", "err", m.secrets.clean(err.Error()))
	}
}

// look asks for a reading at once: something hints that the server went away.
func (m *Monitor) look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// lost notes that the server cannot be reached.
func (m *Monitor) lost(err error) {
	text := m.secrets.clean(err.Error())
	m.failedPolls.Add(1)
	m.mu.Lock()
	was, first := m.connected, m.since.IsZero()
	if was || first {
		m.since = time.Now()
	}
	m.connected, m.lastError = false, text
	m.mu.Unlock()
	if was || first {
		m.logger.Warn("database not reachable, will retry", "err", text)
	}
}

// Stats returns the figures of the last reading, and those of the pool as they are now.
func (m *Monitor) Stats() Stats {
	traced := m.tracer.Stats()
	slow := len(m.SlowQueries(m.cfg.QueryCacheSize))
	pool := m.poolStats()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{
		Connected: m.connected, Since: m.since, LastError: m.lastError, ServerVersion: m.server.version,
		IndexRecommendations: len(m.recommended), Recommended: slices.Clone(m.recommended[:min(len(m.recommended), shownRecommendations)]),
		SlowQueries: slow, Pool: pool, Queries: m.totals, Warnings: slices.Clone(m.warnings),
	}
	if !m.hasTotals {
		s.Queries = traced
	}
	return s
}
