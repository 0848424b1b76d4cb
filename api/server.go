package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/replay"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/metrics"
	"github.com/sentientcore/upshift/postgres"
	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/capture"
	"github.com/sentientcore/upshift/profiler/cause"
	"github.com/sentientcore/upshift/profiler/otlp"
)

// Parts is what the API shows and acts upon. DataDir must be set; every other field may
// be nil or empty. A nil part is switched off.
type Parts struct {
	Cache    *cache.Group
	Pool     *balancer.Pool
	Pools    map[string]*balancer.Pool // further ones by name
	Memory   *memory.Monitor
	Postgres *postgres.Monitor
	Profiler *profiler.Profiler
	Captures *capture.Recorder
	Causes   *cause.Finder
	Traces   *otlp.Receiver
	Metrics  *metrics.Store
	Alerts   *alert.Engine
	Gateway  *gateway.Gateway

	// Snapshot returns what every part knows now.
	Snapshot func() advisor.Snapshot
	// Advise looks for indexes worth making and gives them to Postgres; nil: nobody looks.
	Advise func(context.Context) error
	// Reload reads the configuration again and puts it in force.
	Reload func(context.Context) error
	// Settings are the values in force with their origin, secrets masked.
	Settings func() []Setting
	// Ready says why requests cannot be served, nil when they can.
	Ready func() error
	// State keeps the tokens; nil keeps them in memory.
	State *bbolt.DB
	// DataDir holds the audit log.
	DataDir string
	// Registry is what /metrics shows.
	Registry prometheus.Gatherer
	// UI is the dashboard; nil means a plain page that says so.
	UI      http.Handler
	Logger  *slog.Logger
	Version string
}

// Setting is one configured value in force.
type Setting struct {
	// Key is the file key, such as cache.default_ttl.
	Key string `json:"key"`
	// Value is its text; a secret is ***.
	Value string `json:"value"`
	// Origin is default, file:line, env NAME or --set.
	Origin string `json:"origin"`
}

// Server is the admin plane. It is a prometheus.Collector of its own figures.
type Server struct {
	cfg    Config
	parts  Parts
	logger *slog.Logger

	replaying sync.Mutex         // one comparison of strategies at a time
	watches   chan *replay.Watch // room for one

	tokens     *Tokens
	sessions   *sessions
	dismissals *dismissals
	limiter    *limiter
	denials    denialBudget
	audit      *auditLog
	hub        *Hub
	jobs       *jobs
	stats      counters

	instruments []instrument
	routes      []Route
	mux         *http.ServeMux
	openapi     *huma.OpenAPI
	document    []byte // openapi.json
	origins     *http.CrossOriginProtection
	tls         *tls.Config // nil: without TLS
	first       string      // the token made at the first start
	bound       atomic.Pointer[string]
}

// New builds the admin plane and starts nothing. It makes the first admin token of a
// data directory that has none. All faults of cfg come back at once.
func New(cfg Config, parts Parts) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if parts.DataDir == "" {
		return nil, errors.New("api: Parts.DataDir must be set: the audit log lives there")
	}
	s := &Server{
		cfg: cfg.WithDefaults(), parts: parts.withDefaults(), limiter: newLimiter(),
		origins: http.NewCrossOriginProtection(), instruments: instruments(),
		watches: make(chan *replay.Watch, 1),
	}
	s.logger = s.parts.Logger
	s.sessions = newSessions(s.cfg)
	s.hub = newHub(s.cfg.MaxStreams, s.logger)
	s.jobs = newJobs(s.hub, s.logger)
	if err := s.openDoors(); err != nil {
		return nil, err
	}
	s.routes = s.table()
	return s, s.build()
}

func (p Parts) withDefaults() Parts {
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.Snapshot == nil {
		p.Snapshot = func() advisor.Snapshot {
			return advisor.Snapshot{
				At: time.Now().UTC(), Parts: []advisor.Part{}, Loops: []advisor.Loop{}, Alerts: []alert.Alert{},
			}
		}
	}
	if p.Settings == nil {
		p.Settings = func() []Setting { return []Setting{} }
	}
	if p.Ready == nil {
		p.Ready = func() error { return nil }
	}
	if p.Registry == nil {
		p.Registry = prometheus.NewRegistry()
	}
	if p.Version == "" {
		p.Version = "dev"
	}
	return p
}

// openDoors makes ready what decides who gets in.
func (s *Server) openDoors() error {
	var err error
	if s.tls, err = loadTLS(s.cfg); err != nil {
		return err
	}
	if s.tokens, err = loadTokens(s.parts.State); err != nil {
		return err
	}
	if s.dismissals, err = loadDismissals(s.parts.State); err != nil {
		return err
	}
	if s.cfg.Token != "" {
		s.tokens.fix(s.cfg.Token)
		s.cfg.Token = "" // the digest is enough from here on
	} else if s.first, err = s.tokens.firstStart(); err != nil {
		return fmt.Errorf("make the first token: %w", err)
	}
	if s.audit, err = openAudit(s.parts.DataDir, s.cfg.AuditMaxBytes); err != nil {
		s.logger.Error("audit log cannot be written, changing calls will be refused", "err", err)
	}
	if s.cfg.exposed() {
		s.logger.Warn("admin plane reachable from other machines without TLS",
			"listen", s.cfg.Listen, "setting", "api.insecure_listen")
	}
	return nil
}

// build registers the table.
func (s *Server) build() error {
	b := newBinder(s.parts.Version, s.guard)
	if err := b.bindAll(s.routes); err != nil {
		return err
	}
	document, err := b.finish()
	s.mux, s.openapi, s.document = b.mux, b.api.OpenAPI(), document
	return err
}

// Routes returns the table.
func (s *Server) Routes() []Route { return append([]Route(nil), s.routes...) }

// Hub spreads the events of /events.
func (s *Server) Hub() *Hub { return s.hub }

// Tokens are the tokens in force.
func (s *Server) Tokens() *Tokens { return s.tokens }

// LoginURL is the dashboard's login link, made at the first start of a data directory;
// "" afterwards. The token stands after #, which browsers keep to themselves. Once the
// server listens, the link has the port it got.
func (s *Server) LoginURL() string {
	if s.first == "" {
		return ""
	}
	u := url.URL{Scheme: "http", Host: s.cfg.Listen, Path: "/", Fragment: "token=" + s.first}
	if addr := s.bound.Load(); addr != nil {
		u.Host = *addr
	}
	u.Host = reachable(u.Host)
	if s.cfg.TLS() {
		u.Scheme = "https"
	}
	return u.String()
}

// Announced says that the login link is about to be shown: the token in it stays from here
// on, and later starts make none. Until then each start makes a new one.
func (s *Server) Announced() error {
	if s.first == "" {
		return nil
	}
	return s.tokens.settle()
}

const sweepEvery = time.Minute

// Run works off jobs, and forgets what is over, until ctx ends. It returns after all of
// that has stopped.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.jobs.run(ctx) })
	wg.Go(func() { s.runWatches(ctx) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			s.hub.Close()
			return errors.Join(s.tokens.flush(), s.audit.close())
		case now := <-tick.C:
			s.sessions.sweep(now)
			s.limiter.sweep(now)
			if err := s.tokens.flush(); err != nil {
				s.logger.Warn("last use of tokens not stored", "err", err)
			}
		}
	}
}
