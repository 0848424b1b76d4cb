package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sentientcore/upshift/profiler/capture"
)

type captureInput struct {
	Body struct {
		Kind    string `json:"kind" doc:"cpu, wall, heap, allocs, goroutine, block, mutex or trace."`
		Seconds int    `json:"seconds,omitempty" doc:"1 to 300, a trace 30; 10 if left out. Heap and goroutine take none."`
		Target  string `json:"target,omitempty" doc:"A name out of profiler.capture.targets; this process if left out."`
	}
}

func (s *Server) captureStart(_ context.Context, in *captureInput) (*answer[capture.Started], error) {
	if s.parts.Captures == nil {
		return nil, off("capturing of profiles", "profiler.enabled: true")
	}
	c, err := s.parts.Captures.Start(capture.Request{Kind: in.Body.Kind, Seconds: in.Body.Seconds, Target: in.Body.Target})
	if err != nil {
		return nil, captureFault(err, "body")
	}
	where := base + "/profiler/captures/" + c.ID
	if c.Joined {
		return said(c, "the same capture is under way already and is yours too; see "+where)
	}
	return said(c, "queued; it begins at once unless another "+c.Kind+" capture of the same process runs; see "+where)
}

func (s *Server) captureList(context.Context, *none) (*answer[[]capture.Capture], error) {
	return ok(s.parts.Captures.Captures())
}

type captureID struct {
	ID string `path:"id" maxLength:"128" doc:"The capture's id."`
}

// captureData is GET /profiler/captures/{id}: the file itself.
func (s *Server) captureData(w http.ResponseWriter, r *http.Request) {
	if p := checkQuery(r.URL.RawQuery, nil); p != nil {
		p.write(w)
		return
	}
	c, data, err := s.parts.Captures.Data(r.PathValue("id"))
	if err != nil {
		captureFault(err, "").write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+c.File()+`"`)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // a client that is gone needs no answer
}

// Removal names what was removed.
type Removal struct {
	ID string `json:"id"`
}

func (s *Server) captureRemove(_ context.Context, in *captureID) (*answer[Removal], error) {
	if err := s.parts.Captures.Remove(in.ID); err != nil {
		return nil, captureFault(err, "")
	}
	return said(Removal{in.ID}, "capture "+in.ID+" removed")
}

type flamegraphInput struct {
	ID       string `path:"id" maxLength:"128" doc:"The capture's id."`
	Sample   string `query:"sample" maxLength:"64" doc:"What to measure, such as inuse_objects; the profile's default if left out."`
	MaxNodes int    `query:"max_nodes" minimum:"1" maximum:"50000" default:"20000" doc:"The smallest beyond are left out."`
}

func (s *Server) captureFlamegraph(_ context.Context, in *flamegraphInput) (*answer[capture.Flamegraph], error) {
	_, p, err := s.parts.Captures.Profile(in.ID)
	if err != nil {
		return nil, captureFault(err, "")
	}
	g, err := capture.NewFlamegraph(p, in.Sample, in.MaxNodes)
	if err != nil {
		return nil, captureFault(err, "query")
	}
	return ok(g)
}

type topInput struct {
	ID     string `path:"id" maxLength:"128" doc:"The capture's id."`
	Sample string `query:"sample" maxLength:"64" doc:"What to measure; the profile's default if left out."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

func (s *Server) captureTop(_ context.Context, in *topInput) (*answer[capture.Top], error) {
	_, p, err := s.parts.Captures.Profile(in.ID)
	if err != nil {
		return nil, captureFault(err, "")
	}
	t, err := capture.NewTop(p, in.Sample, in.Limit)
	if err != nil {
		return nil, captureFault(err, "query")
	}
	return ok(t)
}

type diffInput struct {
	ID     string `path:"id" maxLength:"128" doc:"The capture's id."`
	Sample string `query:"sample" maxLength:"64" doc:"What to measure; the profile's default if left out."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Base   string `query:"base" required:"true" maxLength:"128" doc:"The id of the capture to compare with."`
}

func (s *Server) captureDiff(_ context.Context, in *diffInput) (*answer[capture.Diff], error) {
	_, p, err := s.parts.Captures.Profile(in.ID)
	if err != nil {
		return nil, captureFault(err, "")
	}
	_, before, err := s.parts.Captures.Profile(in.Base)
	if err != nil {
		return nil, captureFault(err, "")
	}
	d, err := capture.Compare(before, p, in.Sample, in.Limit)
	if err != nil {
		return nil, captureFault(err, "query")
	}
	return ok(d)
}

// captureFault answers an error of the recorder; place is where the fields of the request stand.
func captureFault(err error, place string) *Problem {
	list := "see " + base + "/profiler/captures"
	if bad, ok := errors.AsType[*capture.RequestError](err); ok {
		return problem(http.StatusBadRequest, toValid(place+"."+bad.Field+": "+bad.Fault), "")
	}
	switch {
	case errors.Is(err, capture.ErrUnknown):
		return fault(http.StatusNotFound, err, list)
	case errors.Is(err, capture.ErrNotDone):
		return fault(http.StatusConflict, err, "ask again; its state is in "+base+"/profiler/captures").after(time.Second)
	case errors.Is(err, capture.ErrFailed):
		return fault(http.StatusConflict, err, "start another")
	case errors.Is(err, capture.ErrNoStacks):
		return fault(http.StatusConflict, err, "GET "+base+"/profiler/captures/{id} downloads it")
	case errors.Is(err, capture.ErrFull):
		return fault(http.StatusServiceUnavailable, err, "wait for one to end").after(10 * time.Second)
	}
	return fault(http.StatusInternalServerError, err, "")
}
