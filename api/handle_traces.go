package api

import (
	"context"
	"net/http"

	"github.com/sentientcore/upshift/profiler/otlp"
)

// tracesIn is POST /v1/traces, where exporters of OpenTelemetry send spans.
func (s *Server) tracesIn(w http.ResponseWriter, r *http.Request) {
	if s.parts.Traces == nil {
		off("receiving spans", "profiler.enabled: true").write(w)
		return
	}
	s.parts.Traces.ServeHTTP(w, r)
}

func (s *Server) profilerTraces(context.Context, *none) (*answer[otlp.Traces], error) {
	return ok(s.parts.Traces.Report())
}
