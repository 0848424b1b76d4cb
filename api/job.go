package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// The states of a [Job].
const (
	JobQueued    = "queued"
	JobRunning   = "running"
	JobSucceeded = "succeeded"
	JobFailed    = "failed"
)

const (
	maxQueuedJobs = 16
	maxKeptJobs   = 128
)

// Job is work that outlives the call that asked for it.
type Job struct {
	ID string `json:"id"`
	// Kind names the work, such as database.vacuum.
	Kind  string `json:"kind"`
	State string `json:"state" enum:"queued,running,succeeded,failed"`
	// Progress is 0 to 1.
	Progress float64 `json:"progress" minimum:"0" maximum:"1"`
	// Result is what the call would have answered; null until then.
	Result   any       `json:"result"`
	Error    string    `json:"error,omitempty"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

// work is what a job does; progress takes 0 to 1.
type work func(ctx context.Context, progress func(float64)) (any, error)

// jobs runs one job after the other: two that change a database must not meet.
type jobs struct {
	logger *slog.Logger
	hub    *Hub
	queue  chan *runningJob

	mu   sync.Mutex // guards the field below
	kept []*runningJob
}

type runningJob struct {
	do    work
	done  chan struct{}
	after func(Job)

	mu  sync.Mutex // guards the field below
	job Job
}

func newJobs(hub *Hub, logger *slog.Logger) *jobs {
	return &jobs{hub: hub, logger: logger, queue: make(chan *runningJob, maxQueuedJobs)}
}

// start queues a job; after is told how it ended. It fails when the queue is full.
func (j *jobs) start(kind string, do work, after func(Job)) (*runningJob, error) {
	r := &runningJob{do: do, done: make(chan struct{}), after: after, job: Job{
		ID: newID(), Kind: kind, State: JobQueued, Created: time.Now().UTC(),
	}}
	select {
	case j.queue <- r:
	default:
		return nil, errors.New("too many jobs are waiting")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.kept) >= maxKeptJobs {
		j.kept = slices.Delete(j.kept, 0, 1) // the oldest; at most 16 of 128 are still waiting
	}
	j.kept = append(j.kept, r)
	return r, nil
}

func (j *jobs) find(id string) (Job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.kept {
		if r.job.ID == id { // never changes
			return r.state(), true
		}
	}
	return Job{}, false
}

// run works through the queue until ctx ends; what is left then has failed.
func (j *jobs) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			j.abandon()
			return
		case r := <-j.queue:
			if ctx.Err() != nil {
				j.finish(r, nil, context.Cause(ctx))
				continue
			}
			j.perform(ctx, r)
		}
	}
}

func (j *jobs) abandon() {
	for {
		select {
		case r := <-j.queue:
			j.finish(r, nil, errors.New("the server stopped before the job began"))
		default:
			return
		}
	}
}

func (j *jobs) perform(ctx context.Context, r *runningJob) {
	r.update(func(job *Job) { job.State, job.Started = JobRunning, time.Now().UTC() })
	j.hub.Publish(EventJob, r.state())
	result, err := j.guarded(ctx, r)
	j.finish(r, result, err)
}

// guarded turns a panic of one job into its failure: the ones after it go on.
func (j *jobs) guarded(ctx context.Context, r *runningJob) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			j.logger.Error("job panicked", "kind", r.state().Kind, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("internal fault; see the log")
		}
	}()
	return r.do(ctx, func(p float64) {
		if p >= 0 && p <= 1 {
			r.update(func(job *Job) { job.Progress = p })
			j.hub.Publish(EventJob, r.state())
		}
	})
}

func (j *jobs) finish(r *runningJob, result any, err error) {
	r.update(func(job *Job) {
		job.Finished = time.Now().UTC()
		if err != nil {
			job.State, job.Error = JobFailed, err.Error()
			return
		}
		job.State, job.Progress, job.Result = JobSucceeded, 1, result
	})
	r.after(r.state())
	close(r.done)
	j.hub.Publish(EventJob, r.state())
}

func (r *runningJob) update(change func(*Job)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.job)
}

func (r *runningJob) state() Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// wait returns the job once it ended, or as it stands when ctx ends or d has passed.
func (r *runningJob) wait(ctx context.Context, d time.Duration) Job {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return r.state()
}
