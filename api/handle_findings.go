package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/sentientcore/upshift/advisor"
)

// The states of a recommendation.
const (
	FindingOpen      = "open"
	FindingDismissed = "dismissed"
)

// Recommendations are the findings, most urgent first, then the dismissed ones, which are
// not counted.
type Recommendations struct {
	Recommendations []advisor.Finding `json:"recommendations"`
	TotalCount      int               `json:"total_count"`
	CriticalCount   int               `json:"critical_count"`
	HighCount       int               `json:"high_count"`
	MediumCount     int               `json:"medium_count"`
	LowCount        int               `json:"low_count"`
}

func (s *Server) recommendations(context.Context, *none) (*answer[Recommendations], error) {
	v := Recommendations{Recommendations: []advisor.Finding{}}
	var dismissed []advisor.Finding
	for _, f := range s.Findings(s.parts.Snapshot()) {
		if f.State == FindingDismissed {
			dismissed = append(dismissed, f)
			continue
		}
		v.Recommendations = append(v.Recommendations, f)
		v.TotalCount++
		switch f.Priority {
		case "critical":
			v.CriticalCount++
		case "high":
			v.HighCount++
		case "medium":
			v.MediumCount++
		default:
			v.LowCount++
		}
	}
	v.Recommendations = append(v.Recommendations, dismissed...)
	return ok(v)
}

// Findings are those of a Snapshot with their states: open, or dismissed by a person.
func (s *Server) Findings(snap advisor.Snapshot) []advisor.Finding {
	found := advisor.Findings(snap)
	for i := range found {
		found[i].Evidence = append([]string{}, found[i].Evidence...)
		if s.dismissals.has(found[i]) {
			found[i].State = FindingDismissed
		}
	}
	return found
}

// openFindings counts those that nobody dismissed.
func (s *Server) openFindings(snap advisor.Snapshot) int {
	n := 0
	for _, f := range s.Findings(snap) {
		if f.State == FindingOpen {
			n++
		}
	}
	return n
}

type findingInput struct {
	ID   string `path:"id" maxLength:"256"`
	Body *struct {
		Digest string `json:"digest,omitempty" maxLength:"64" doc:"Of the one that was read: 409 if it means something else now."`
	}
}

// finding is the one that the caller means, as it is now.
func (s *Server) finding(in *findingInput) (advisor.Finding, *Problem) {
	for _, f := range s.Findings(s.parts.Snapshot()) {
		if f.ID != in.ID {
			continue
		}
		if in.Body != nil && in.Body.Digest != "" && in.Body.Digest != f.Digest {
			return f, problem(http.StatusConflict, fmt.Sprintf("recommendation %q means something else now", in.ID),
				"read it again: GET "+base+"/recommendations")
		}
		return f, nil
	}
	return advisor.Finding{}, problem(http.StatusNotFound, fmt.Sprintf("there is no recommendation %q", clip(in.ID, 128)),
		"what it was about may be over; see "+base+"/recommendations")
}

// recommendationApply refuses: no finding of this version has an action that the API can
// carry out.
func (s *Server) recommendationApply(_ context.Context, in *findingInput) (*answer[advisor.Finding], error) {
	f, p := s.finding(in)
	if p != nil {
		return nil, p
	}
	return nil, problem(http.StatusConflict, "this recommendation is for a person to carry out", f.Action)
}

func (s *Server) recommendationDismiss(_ context.Context, in *findingInput) (*answer[advisor.Finding], error) {
	f, p := s.finding(in)
	switch {
	case p != nil:
		return nil, p
	case f.State == FindingDismissed:
		return nil, problem(http.StatusConflict, fmt.Sprintf("recommendation %q is dismissed already", f.ID), "")
	}
	if err := s.dismissals.add(f); errors.Is(err, errManyDismissals) {
		return nil, fault(http.StatusConflict, err, "")
	} else if err != nil {
		return nil, s.internal("store the dismissal", err)
	}
	f.State = FindingDismissed
	return said(f, "dismissed until it means something else")
}

// recommendationRevert takes a dismissal back: nothing else can have been done so far.
func (s *Server) recommendationRevert(_ context.Context, in *findingInput) (*answer[advisor.Finding], error) {
	f, p := s.finding(in)
	switch {
	case p != nil:
		return nil, p
	case f.State != FindingDismissed:
		return nil, problem(http.StatusConflict, fmt.Sprintf("recommendation %q is open: there is nothing to take back", f.ID), "")
	}
	if err := s.dismissals.drop(f.ID); err != nil {
		return nil, s.internal("store the dismissal", err)
	}
	f.State = FindingOpen
	return said(f, "open again")
}
