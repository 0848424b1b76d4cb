package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"runtime/debug"
	"sync/atomic"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway/llm"
	"github.com/sentientcore/upshift/profiler"
)

// Gateway passes requests on to a pool of servers or answers them from the cache. It is an
// [http.Handler] and a [github.com/prometheus/client_golang/prometheus.Collector], and safe
// for concurrent use. Make one with [New].
type Gateway struct {
	config atomic.Pointer[settings]
	logger *slog.Logger
	proxy  *httputil.ReverseProxy
	cache  *cache.Group // nil: none
	price  func(*http.Request, Answer) (dollars float64, known bool)
	routes routes
	ledger *llm.Ledger
	limits limits

	pools     map[string]*pool
	poolNames []string
	count     counters
	door      doorkeeper

	draining atomic.Bool
	// idle is told when the last request ends while draining.
	idle chan struct{}
	// cut ends every request of the server made last.
	cut atomic.Pointer[context.CancelCauseFunc]
}

// Parts are what a Gateway stands on. Each may be nil.
type Parts struct {
	// Pool sends a request to one of the servers; *balancer.Pool is meant, any RoundTripper
	// serves. It must not follow redirects or change bodies. Nil: every request is answered 503.
	Pool http.RoundTripper
	// Pools are further ones by name, for [Config.Routes].
	Pools map[string]http.RoundTripper
	// Cache keeps answers, in its cache named "responses" and those that [Config.CachePost] names.
	// Nil: nothing is kept.
	Cache *cache.Group
	// Price says what the servers ask for an answer that is about to be kept, in dollars, or that
	// it is not known. It may be called at any time, by many at once. Nil: what the prices of
	// models in [Config.Prices] say.
	Price func(*http.Request, Answer) (dollars float64, known bool)
	// Profiler records each route. Nil: nobody does.
	Profiler *profiler.Profiler
	// Logger gets faults of the gateway itself. Nil discards them.
	Logger *slog.Logger
}

// CacheName is the name of the cache of answers.
const CacheName = "responses"

// New returns a gateway over its parts, or the faults of cfg. It starts nothing.
func New(cfg Config, parts Parts) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if parts.Logger == nil {
		parts.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{logger: parts.Logger, cache: parts.Cache, price: parts.Price, idle: make(chan struct{}, 1)}
	g.door.g = g
	g.ledger = llm.NewLedger(nil)
	g.limits.init()
	pools := g.initPools(parts)
	if g.price == nil {
		g.price = g.modelPrice
	}
	if err := g.put(cfg); err != nil {
		return nil, err
	}
	var next http.RoundTripper = noPool{}
	if len(g.pools) > 0 {
		next = &upstream{pool: pools}
	}
	if parts.Cache != nil {
		keeper, err := newKeeper(parts.Cache, CacheName, &g.count)
		if err != nil {
			return nil, err
		}
		next = &caching{next: next, keep: keeper, flights: newFlights()}
	}
	g.proxy = newProxy(g, next)
	g.routes.init(parts.Profiler, http.HandlerFunc(g.forward))
	return g, nil
}

// Apply changes the configuration; it fails only on an invalid one, or one that names a cache that
// holds something else, and then changes nothing. Requests under way keep the one they began with; Listen stays as it was.
func (g *Gateway) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	return g.put(cfg)
}

// put puts a valid configuration in force.
func (g *Gateway) put(cfg Config) error {
	if err := g.knownPools(cfg.Routes); err != nil {
		return err
	}
	s, err := newSettings(cfg.WithDefaults(), g.cache, &g.count)
	if err != nil {
		return err
	}
	g.ledger.SetPrices(s.prices)
	g.limits.apply(s)
	g.config.Store(s)
	return nil
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(g, w, r)
	g.count.inFlight.Add(1)
	defer g.finish(x) //nolint:contextcheck // the exchange is the context
	if p := x.check(); p != nil {
		g.count.refused[p.refusal].Add(1)
		x.close = true // whatever is left on the connection is not to be trusted
		x.problem(p)
		return
	}
	if p := x.limited(); p != nil {
		x.problem(p)
		return
	}
	if x.model != nil {
		x.model.belongsTo(x.tenant)
	}
	x.limitBody()
	g.routes.handler(x.request).ServeHTTP(&x.writer, x.request)
}

// forward is what the profiler sees as the route: the proxy.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request) { g.proxy.ServeHTTP(w, r) }

// finish ends the account of a request, and contains a panic of it.
func (g *Gateway) finish(x *exchange) {
	value := recover()
	aborted := value != nil && isAbort(value)
	if value != nil && !aborted {
		g.count.panics.Add(1)
		g.logger.Error("request panicked", "request_id", x.id, "panic", value, "stack", string(debug.Stack()))
		if !x.writer.started() && !x.writer.hijacked {
			x.problem(problemPanic())
			value = nil
		}
	}
	x.account(aborted)
	g.requestEnded()
	if value != nil {
		panic(http.ErrAbortHandler) // the server cuts the connection: what was sent is not whole
	}
}

// requestEnded takes one request out of those in flight.
func (g *Gateway) requestEnded() {
	if g.count.inFlight.Add(-1) == 0 && g.draining.Load() {
		select {
		case g.idle <- struct{}{}:
		default: // it has been told already
		}
	}
}

// isAbort reports whether a panic is the agreed way to cut a connection.
func isAbort(value any) bool {
	err, ok := value.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}
