package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/profiler/cause"
)

func (s *Server) profilerCauses(context.Context, *none) (*answer[cause.Report], error) {
	return ok(s.parts.Causes.Last())
}

type lookInput struct {
	Body struct {
		Seconds int `json:"seconds,omitempty" minimum:"1" maximum:"30" default:"2" doc:"How long to look."`
	}
}

func (s *Server) profilerLook(ctx context.Context, in *lookInput) (*answer[cause.Report], error) {
	if s.parts.Causes == nil {
		return nil, off("looking for causes", "profiler.enabled: true")
	}
	report, err := s.parts.Causes.Look(ctx, time.Duration(max(in.Body.Seconds, 1))*time.Second)
	switch {
	case errors.Is(err, cause.ErrBusy):
		return nil, fault(http.StatusConflict, err, "wait for it to end").after(10 * time.Second)
	case err != nil:
		return nil, s.internal("look for causes", err)
	}
	return ok(report)
}
