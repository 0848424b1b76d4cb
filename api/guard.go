package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

const (
	writeDeadline = 30 * time.Second
	maxDenials    = 60 // audited a minute; more are counted in the next record
)

// call is one request on its way through the guard.
type call struct {
	s    *Server
	rt   *Route
	w    *statusWriter
	r    *http.Request
	id   Identity
	body []byte
	// request ties the records of this call together.
	request string
}

// guard stands before every handler of the table: who calls, may they, is the request
// sound, is it written down.
func (s *Server) guard(rt *Route, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: s, rt: rt, w: &statusWriter{ResponseWriter: w}, r: r}
		if p := c.admit(); p != nil {
			s.stats.refused.Add(1)
			if rt.effect != reads {
				s.deny(r, rt, c.id, p.Status)
			}
			p.write(w)
			return
		}
		if p := c.begin(); p != nil {
			p.write(w)
			return
		}
		defer c.end()
		ctx := context.WithValue(r.Context(), keyCall, c)
		next(c.w, c.r.WithContext(ctx))
	}
}

// admit decides whether the call may go on.
func (c *call) admit() *Problem {
	if c.rt.Role != Open {
		id, p := c.s.identify(c.r, time.Now())
		c.id = id
		if p != nil {
			return p
		}
		if id.Role < c.rt.Role {
			return problem(http.StatusForbidden,
				fmt.Sprintf("this needs the role %s; the token %q has %s", c.rt.Role, id.Name, id.Role),
				"use another token, or make one with: upshift token create --role "+c.rt.Role.String())
		}
	}
	if c.rt.raw {
		body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
		if err != nil {
			return bodyProblem(err)
		}
		c.r.Body = io.NopCloser(bytes.NewReader(body))
		return nil
	}
	body, p := checkBody(c.w, c.r, c.rt.hasBody)
	c.body = body
	return p
}

// begin writes the intent of a changing call down. Without that it does not begin.
func (c *call) begin() *Problem {
	// The body is read: from here on only the answer is timed. Recorders know no deadlines.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	if c.rt.effect != changes {
		return nil
	}
	c.request = newID()
	rec := c.record(PhaseIntent)
	if err := c.s.record(rec, true); err != nil {
		c.s.logger.Error("audit log cannot be written, changing call refused", "route", c.rt.Path, "err", err)
		return problem(http.StatusServiceUnavailable, "the audit log cannot be written, so nothing was changed",
			"make room in the data directory or repair its permissions; reads go on").after(10 * time.Second)
	}
	return nil
}

// end writes the result down and keeps a panic from taking more than its own call.
func (c *call) end() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value of a panic, compared as net/http does
		c.s.stats.panics.Add(1)
		c.s.logger.Error("handler panicked", "route", c.rt.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if c.w.status == 0 {
			problem(http.StatusInternalServerError, "internal fault", "see the log of the server").write(c.w)
		}
	}
	c.s.stats.count(c.w.status)
	if c.rt.effect == changes || c.rt.effect == notes && c.noted() {
		rec := c.record(PhaseResult)
		rec.Status = c.w.code()
		if err := c.s.record(rec, false); err != nil {
			c.s.logger.Error("audit log cannot be written", "route", c.rt.Path, "err", err)
		}
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // as above
		panic(p)
	}
}

// noted decides whether a call that changes nothing is written down: of those by nobody
// knows whom, such as logins that failed, only so many as of refused calls.
func (c *call) noted() bool { return c.id.Name != "" || c.s.denials.take(time.Now()) }

func (c *call) record(phase string) AuditRecord {
	rec := recordOf(c.r, c.rt, c.id)
	rec.Phase, rec.Request = phase, c.request
	if c.rt.effect == changes { // what only notes may carry a token
		h := sha256.New()
		fmt.Fprintf(h, "%d:%s", len(c.r.URL.RawQuery), c.r.URL.RawQuery)
		h.Write(c.body)
		rec.ParamsDigest = hex.EncodeToString(h.Sum(nil))
	}
	return rec
}

func recordOf(r *http.Request, rt *Route, id Identity) AuditRecord {
	rec := AuditRecord{
		Actor: id.Name, TokenID: id.TokenID, Role: id.Role.String(), IP: ipOf(r.RemoteAddr),
		Method: r.Method, Route: rt.Path, Path: clip(r.URL.Path, 256),
	}
	if isLocal(r) {
		rec.IP = "local"
	}
	if rec.Actor == "" {
		rec.Actor = "unknown"
	}
	return rec
}

// deny writes a refused call down, unless there are too many of them.
func (s *Server) deny(r *http.Request, rt *Route, id Identity, status int) {
	if !s.denials.take(time.Now()) {
		return
	}
	rec := recordOf(r, rt, id)
	rec.Phase, rec.Status = PhaseDenied, status
	if err := s.record(rec, false); err != nil {
		s.logger.Error("audit log cannot be written", "route", rt.Path, "err", err)
	}
}

// record appends to the audit log and counts how that went.
func (s *Server) record(rec AuditRecord, sync bool) error {
	rec.Suppressed = s.denials.suppressed()
	if err := s.audit.append(rec, sync); err != nil {
		s.stats.auditFailures.Add(1)
		return err
	}
	s.stats.auditRecords.Add(1)
	return nil
}

// denialBudget keeps a flood of refused calls from washing out the audit log.
type denialBudget struct {
	mu     sync.Mutex // guards the fields below
	since  time.Time
	taken  int
	missed int
}

func (b *denialBudget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.since) >= time.Minute {
		b.since, b.taken = now, 0
	}
	if b.taken >= maxDenials {
		b.missed++
		return false
	}
	b.taken++
	return true
}

func (b *denialBudget) suppressed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.missed
	b.missed = 0
	return n
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// extend gives a slow action more time to answer.
func (c *call) extend(d time.Duration) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(d)) // recorders know no deadlines
}
