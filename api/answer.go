package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Envelope is every successful answer of the REST API.
type Envelope[T any] struct {
	// Success is always true.
	Success bool `json:"success"`
	Data    T    `json:"data"`
	// Metadata, Message and Timestamp are there where the contract shows them.
	Metadata  *SeriesMetadata `json:"metadata,omitempty"`
	Message   string          `json:"message,omitempty"`
	Timestamp time.Time       `json:"timestamp,omitzero"`
}

// SeriesMetadata describes a series of points.
type SeriesMetadata struct {
	// Enabled is false when metrics are switched off; there are no points then.
	Enabled     bool      `json:"enabled"`
	StartTime   time.Time `json:"start_time"`
	EndTime     time.Time `json:"end_time"`
	TotalPoints int       `json:"total_points"`
	StepSeconds float64   `json:"step_seconds"`
}

// answer is what a typed handler returns.
type answer[T any] struct{ Body Envelope[T] }

// none is the input of a route without parameters.
type none struct{}

// ok is returned as it is; hence its error, which is nil.
func ok[T any](data T) (*answer[T], error) { //nolint:unparam // as said
	return &answer[T]{Envelope[T]{Success: true, Data: data}}, nil
}

// said is ok with a message.
func said[T any](data T, message string) (*answer[T], error) { //nolint:unparam // as ok
	return &answer[T]{Envelope[T]{Success: true, Data: data, Message: message}}, nil
}

// off is the answer to an action on a part that is switched off.
func off(part, setting string) *Problem {
	return problem(http.StatusConflict, "the "+part+" is switched off", "set "+setting+" and restart")
}

// fault is the answer when a part could not do what was asked. The text of such an error
// is made for people and carries no secret.
func fault(status int, err error, hint string) *Problem {
	text := err.Error()
	// "balancer: unknown server" tells a programmer the package; people know the route.
	if pkg, rest, ok := strings.Cut(text, ": "); ok && slices.Contains(
		[]string{"alert", "api", "balancer", "cache", "capture", "memory", "metrics", "postgres", "profiler", "cause"}, pkg) {
		text = rest
	}
	return problem(status, clip(text, 500), hint)
}

// later is the answer of work that may become a job: 200 with its result, or 202 with
// the job.
type later struct {
	Status   int
	Location string `header:"Location"`
	Applied  string `header:"Preference-Applied"`
	Body     any
}

// patience is how long a call waits for its job before it answers 202.
const patience = 20 * time.Second

// async runs do as a job and answers with its result, or, if the caller prefers that or
// it takes too long, with the job.
func (s *Server) async(ctx context.Context, kind, prefer string, do work) (*later, error) {
	c := callOf(ctx)
	rec := c.record(PhaseResult)
	r, err := s.jobs.start(kind, do, func(j Job) {
		rec.Note = "job " + j.ID + " " + j.State
		if err := s.record(rec, false); err != nil {
			s.logger.Error("audit log cannot be written", "job", j.ID, "err", err)
		}
	})
	if err != nil {
		hint := "wait for one to end: GET " + base + "/jobs/{id}"
		return nil, fault(http.StatusServiceUnavailable, err, hint).after(10 * time.Second)
	}
	answer := &later{Status: http.StatusAccepted}
	wait := patience
	if prefersAsync(prefer) {
		answer.Applied, wait = "respond-async", 0
	}
	job := r.wait(ctx, wait)
	switch {
	case wait > 0 && job.State == JobSucceeded:
		answer.Status, answer.Body = http.StatusOK, Envelope[any]{Success: true, Data: job.Result}
	case wait > 0 && job.State == JobFailed:
		return nil, problem(http.StatusBadGateway, clip(job.Error, 500), "see "+base+"/jobs/"+job.ID)
	default:
		answer.Location = base + "/jobs/" + job.ID
		answer.Body = Envelope[Job]{Success: true, Data: job, Message: "under way; see " + answer.Location}
	}
	return answer, nil
}

// onLater makes a route whose answer is a T at once or a [Job].
func onLater[I, T any](e endpoint, role Role, summary string, h func(context.Context, *I) (*later, error)) Route {
	rt := on(e, role, summary, h)
	rt.bind = func(b *binder, rt *Route) {
		op := b.operation(rt)
		op.Responses[statusKey(http.StatusOK)] = jsonResponse[Envelope[T]](b, "Done")
		op.Responses[statusKey(http.StatusAccepted)] = jsonResponse[Envelope[Job]](b, "Under way")
		huma.Register(b.api, op, h)
	}
	return rt
}

func jsonResponse[T any](b *binder, description string) *huma.Response {
	return &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](b.api)}},
	}
}
