package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// BalancerStats is the load balancer.
type BalancerStats struct {
	Enabled        bool          `json:"enabled"`
	Strategy       string        `json:"strategy"`
	TotalServers   int           `json:"total_servers"`
	HealthyServers int           `json:"healthy_servers"`
	Stats          BalancerTotal `json:"stats"`
	// ServerDistribution is requests by server.
	ServerDistribution map[string]uint64      `json:"server_distribution"`
	Servers            map[string]ServerState `json:"servers"`
	// Discovery is what became of each source of servers.
	Discovery []DiscoverySource `json:"discovery"`
	// Strategies are those that can be chosen.
	Strategies []string `json:"strategies"`
}

// BalancerTotal adds all servers up.
type BalancerTotal struct {
	TotalRequests      uint64 `json:"total_requests"`
	SuccessfulRequests uint64 `json:"successful_requests"`
	FailedRequests     uint64 `json:"failed_requests"`
	Retries            uint64 `json:"retries"`
	// SuccessRate is 0 to 100, 100 before the first request.
	SuccessRate float64 `json:"success_rate"`
	// AvgResponseTime is in milliseconds.
	AvgResponseTime   float64 `json:"avg_response_time"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	ActiveConnections int     `json:"active_connections"`
}

// ServerState is one server's figures.
type ServerState struct {
	Status             string  `json:"status"`
	CurrentConnections int     `json:"current_connections"`
	LoadScore          float64 `json:"load_score"`
	// AvgResponseTime, P50 and P99 are in milliseconds, ErrorRate in percent.
	AvgResponseTime   float64 `json:"avg_response_time"`
	P50               float64 `json:"p50_ms"`
	P99               float64 `json:"p99_ms"`
	ErrorRate         float64 `json:"error_rate"`
	RequestsPerSecond float64 `json:"requests_per_second"`
}

// DiscoverySource is a source of servers.
type DiscoverySource struct {
	// Source is file, or dns: and the id of the name.
	Source    string    `json:"source"`
	Servers   int       `json:"servers"`
	LastFound time.Time `json:"last_found,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	Failures  uint64    `json:"failures"`
}

// BackendServer is one server as it is configured, with its state.
type BackendServer struct {
	ID             string  `json:"id"`
	URL            string  `json:"url"`
	Weight         float64 `json:"weight"`
	MaxConnections int     `json:"max_connections"`
	// Source is what found it: file, dns:ID, or nothing for one that is configured or was added.
	Source         string    `json:"source,omitempty"`
	Requests       uint64    `json:"requests"`
	Failed         uint64    `json:"failed"`
	Since          time.Time `json:"since"`
	LastCheck      time.Time `json:"last_check,omitzero"`
	LastCheckError string    `json:"last_check_error,omitempty"`
	ServerState
}

func ms(seconds float64) float64 { return 1000 * seconds }

func stateOf(v balancer.ServerStats) ServerState {
	return ServerState{
		Status: v.Status, CurrentConnections: v.ActiveConnections, LoadScore: v.LoadScore,
		AvgResponseTime: ms(v.MeanResponseSeconds), P50: ms(v.P50Seconds), P99: ms(v.P99Seconds),
		ErrorRate: v.ErrorPercent, RequestsPerSecond: v.RequestsPerSecond,
	}
}

func serverOf(v balancer.ServerStats) BackendServer {
	return BackendServer{
		ID: v.ID, URL: v.URL, Weight: v.Weight, MaxConnections: v.MaxConnections, Source: v.Source, Requests: v.Requests, Failed: v.Failed,
		Since: v.Since.UTC(), LastCheck: v.LastCheck, LastCheckError: v.LastCheckError, ServerState: stateOf(v),
	}
}

// BalancerPools is the load balancer with its further pools.
type BalancerPools struct {
	BalancerStats
	// Pools are those of load_balancer.pools by name.
	Pools map[string]BalancerStats `json:"pools"`
}

func (s *Server) balancerStats(context.Context, *none) (*answer[BalancerPools], error) {
	v := BalancerPools{balancerView(nil), map[string]BalancerStats{}}
	if s.parts.Pool == nil {
		return ok(v)
	}
	stats := s.parts.Pool.Stats()
	v.BalancerStats = balancerView(&stats)
	for name, p := range s.parts.Pools {
		stats := p.Stats()
		v.Pools[name] = balancerView(&stats)
	}
	return ok(v)
}

// balancerView is what REST shows of p; nil means that the load balancer is switched off.
func balancerView(p *balancer.Stats) BalancerStats {
	v := BalancerStats{
		Stats: BalancerTotal{SuccessRate: 100}, ServerDistribution: map[string]uint64{},
		Servers: map[string]ServerState{}, Discovery: []DiscoverySource{}, Strategies: balancer.Strategies(),
	}
	if p == nil {
		return v
	}
	v.Enabled, v.Strategy, v.TotalServers, v.HealthyServers = true, p.Strategy, p.TotalServers, p.HealthyServers
	v.Stats = BalancerTotal{
		TotalRequests: p.Requests, SuccessfulRequests: p.Succeeded, FailedRequests: p.Failed, Retries: p.Retries,
		SuccessRate: p.SuccessPercent, AvgResponseTime: ms(p.MeanResponseSeconds),
		RequestsPerSecond: p.RequestsPerSecond, ActiveConnections: p.ActiveConnections,
	}
	for id, n := range p.Distribution {
		v.ServerDistribution[id] = n
	}
	for _, d := range p.Discovery {
		v.Discovery = append(v.Discovery, DiscoverySource{d.Source, d.Servers, d.LastFound.UTC(), d.LastError, d.Failures})
	}
	for id, server := range p.Servers {
		v.Servers[id] = stateOf(server)
	}
	return v
}

func balancerOff() *Problem { return off("load balancer", "load_balancer.enabled: true") }

type strategyInput struct {
	Body struct {
		Strategy string `json:"strategy" maxLength:"64" doc:"One of the strategies that the statistics name."`
	}
}

// StrategyInForce is the strategy now.
type StrategyInForce struct {
	Strategy string `json:"strategy"`
}

func (s *Server) balancerStrategy(_ context.Context, in *strategyInput) (*answer[StrategyInForce], error) {
	if s.parts.Pool == nil {
		return nil, balancerOff()
	}
	if err := s.parts.Pool.SetStrategy(in.Body.Strategy); err != nil {
		p := problem(http.StatusBadRequest, fmt.Sprintf("there is no strategy %q", clip(in.Body.Strategy, 64)),
			didYouMean(in.Body.Strategy, balancer.Strategies()))
		p.Faults = []Fault{{Location: "body.strategy", Message: "unknown strategy", Hint: p.Hint}}
		return nil, p
	}
	return ok(StrategyInForce{s.parts.Pool.Strategy()})
}

func (s *Server) servers(context.Context, *none) (*answer[[]BackendServer], error) {
	list := []BackendServer{}
	if s.parts.Pool != nil {
		for _, v := range s.parts.Pool.Servers() {
			list = append(list, serverOf(v))
		}
	}
	return ok(list)
}

type serverInput struct {
	Body struct {
		ID             string  `json:"id" minLength:"1" maxLength:"64" doc:"Letters, digits or . _ : -"`
		URL            string  `json:"url,omitempty" maxLength:"2048" doc:"Base address; or give host and port."`
		Host           string  `json:"host,omitempty" maxLength:"255"`
		Port           int     `json:"port,omitempty" minimum:"1" maximum:"65535"`
		Weight         float64 `json:"weight,omitempty" minimum:"0" doc:"1 when left out."`
		MaxConnections int     `json:"max_connections,omitempty" minimum:"0" doc:"0 is unlimited."`
		Status         string  `json:"status,omitempty" enum:"healthy,maintenance" doc:"maintenance gets no requests."`
	}
}

func (in *serverInput) config() (balancer.ServerConfig, *Problem) {
	b := in.Body
	if (b.URL == "") == (b.Host == "") || b.Host != "" && b.Port == 0 {
		return balancer.ServerConfig{}, problem(http.StatusBadRequest, "a server needs either url, or host and port", "")
	}
	if b.URL == "" {
		b.URL = "http://" + net.JoinHostPort(strings.Trim(b.Host, "[]"), strconv.Itoa(b.Port))
	}
	if b.Status == balancer.StatusHealthy {
		b.Status = "" // checks decide
	}
	return balancer.ServerConfig{
		ID: b.ID, URL: b.URL, Weight: b.Weight, MaxConnections: b.MaxConnections, Status: b.Status,
	}, nil
}

type created[T any] struct {
	Location string `header:"Location"`
	Body     Envelope[T]
}

func (s *Server) serverAdd(_ context.Context, in *serverInput) (*created[BackendServer], error) {
	if s.parts.Pool == nil {
		return nil, balancerOff()
	}
	cfg, p := in.config()
	if p != nil {
		return nil, p
	}
	if err := s.parts.Pool.Add(cfg); err != nil {
		return nil, serverProblem(err)
	}
	v, _ := s.parts.Pool.Server(cfg.ID)
	return &created[BackendServer]{
		Location: base + "/load-balancer/servers/" + cfg.ID,
		Body:     Envelope[BackendServer]{Success: true, Data: serverOf(v), Message: "server " + cfg.ID + " added"},
	}, nil
}

// serverProblem turns an error of the pool into its answer.
func serverProblem(err error) *Problem {
	switch {
	case errors.Is(err, balancer.ErrUnknownServer):
		return fault(http.StatusNotFound, err, "see "+base+"/load-balancer/servers")
	case errors.Is(err, balancer.ErrDuplicateServer):
		return fault(http.StatusConflict, err, "choose another id, or change the server with PATCH")
	case errors.Is(err, balancer.ErrLastServer):
		return fault(http.StatusConflict, err, "add another server first")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault(http.StatusGatewayTimeout, err, "the server is still draining; look at it again")
	}
	return fault(http.StatusBadRequest, err, "")
}

type serverPatchInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		URL            *string  `json:"url,omitempty" maxLength:"2048"`
		Weight         *float64 `json:"weight,omitempty" exclusiveMinimum:"0"`
		MaxConnections *int     `json:"max_connections,omitempty" minimum:"0"`
		Status         *string  `json:"status,omitempty" enum:"healthy,maintenance"`
	}
}

func (s *Server) serverChange(_ context.Context, in *serverPatchInput) (*answer[BackendServer], error) {
	if s.parts.Pool == nil {
		return nil, balancerOff()
	}
	b := in.Body
	if b.URL == nil && b.Weight == nil && b.MaxConnections == nil && b.Status == nil {
		return nil, problem(http.StatusBadRequest, "nothing to change", "give url, weight, max_connections or status")
	}
	patch := balancer.ServerPatch{Weight: b.Weight, MaxConnections: b.MaxConnections, Status: b.Status, URL: b.URL}
	if err := s.parts.Pool.Update(in.ID, patch); err != nil {
		return nil, serverProblem(err)
	}
	v, _ := s.parts.Pool.Server(in.ID)
	return ok(serverOf(v))
}

type serverIDInput struct {
	ID string `path:"id" maxLength:"64"`
}

// drainPatience bounds the wait for a removed server's last requests.
const drainPatience = time.Minute

// serverRemove drains a server, takes it out and answers with those left. It goes on when the caller is gone.
func (s *Server) serverRemove(ctx context.Context, in *serverIDInput) (*answer[[]BackendServer], error) {
	pool := s.parts.Pool
	if pool == nil {
		return nil, balancerOff()
	}
	callOf(ctx).extend(drainPatience + writeDeadline)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainPatience)
	defer cancel()
	if err := pool.Remove(ctx, in.ID); err != nil {
		return nil, serverProblem(err)
	}
	left := []BackendServer{}
	for _, v := range pool.Servers() {
		left = append(left, serverOf(v))
	}
	return said(left, "server "+in.ID+" drained and removed")
}
