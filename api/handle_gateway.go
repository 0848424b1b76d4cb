package api

import (
	"context"

	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/gateway/llm"
)

// GatewayStats is the data plane since it started.
type GatewayStats struct {
	Enabled bool `json:"enabled"`
	gateway.Stats
}

// LLMStats are the accounts of calls of language models.
type LLMStats struct {
	Enabled bool `json:"enabled"`
	llm.Stats
}

func (s *Server) gatewayStats(context.Context, *none) (*answer[GatewayStats], error) {
	if s.parts.Gateway == nil {
		return ok(GatewayStats{Stats: gateway.Stats{
			ByClass: map[string]uint64{}, Refused: map[string]uint64{}, UpstreamErrors: map[string]uint64{},
			Cache: map[string]uint64{}, Limited: map[string]uint64{}, Tenants: map[string]gateway.TenantStats{},
			Pools: map[string]gateway.PoolStats{},
		}})
	}
	return ok(GatewayStats{true, s.parts.Gateway.Stats()})
}

func (s *Server) gatewayLLM(context.Context, *none) (*answer[LLMStats], error) {
	if s.parts.Gateway == nil {
		return ok(LLMStats{Stats: llm.NewLedger(nil).Stats()})
	}
	return ok(LLMStats{true, s.parts.Gateway.LLM()})
}
