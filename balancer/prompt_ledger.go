package balancer

const (
	// A first token that takes queueFactor times as long as it may, and queueSlack of a
	// mean answer more, was waited for in a queue.
	queueFactor = 1.2
	queueSlack  = 0.1
	// replicaKnown is how many first tokens it takes to know a replica.
	replicaKnown = 20
)

// promptFlight is what the ledger knows of a prompt under way.
type promptFlight struct {
	*Prompt
	unread  float64 // tokens that the server has to read, as far as known
	output  float64 // expected tokens of the answer
	crowd   float64 // calls in flight when it began
	expects float64 // seconds to the first token
	longest float64 // the same when nothing of it is known
	alone   bool    // no other was waiting for its first token
	firstAt int64   // 0: none yet
}

// beginPrompt enters a prompt into the ledger. The server's lock is held.
func (s *Server) beginPrompt(l *lease, f *promptFlight) {
	row := &s.replica.seen
	f.crowd = float64(s.inFlight.Load())
	if f.Stream {
		f.expects = row.start.Load() + row.perToken.Load()*(row.pending.Load()+f.unread)
		f.longest = f.expects + row.perToken.Load()*(float64(f.Tokens)-f.unread)
		row.pending.Store(row.pending.Load() + f.unread)
		f.alone = s.replica.waiting == 0
		s.replica.waiting++
		l.expected = f.expects
	}
	l.prompt = f
}

// firstToken notes the first token of an answer.
func (p *Pool) firstToken(l *lease, now int64) {
	s, f := l.server, l.prompt
	if f == nil || !f.Stream {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.ended || f.firstAt != 0 {
		return
	}
	f.firstAt = now
	s.read(f)
	s.learnReading(now, f, seconds(now-l.began))
}

// read takes a prompt's tokens off what is pending.
func (s *Server) read(f *promptFlight) {
	s.replica.waiting--
	s.replica.seen.pending.Store(max(s.replica.seen.pending.Load()-f.unread, 0))
}

// learnReading learns from a first token. The speed of reading shows where nobody else was
// waiting; how many calls a replica works on at a time shows where a first token came late
// all the same.
func (s *Server) learnReading(now int64, f *promptFlight, took float64) {
	c, r := s.seat.climate, &s.replica
	late := took > queueFactor*f.longest+queueSlack*c.answer.Load()
	if r.reads++; r.reads > replicaKnown {
		c.crowd.observe(float64(s.inFlight.Load())-float64(r.waiting), late)
	}
	if !f.alone || late && f.crowd >= 0.75*c.crowd.limit.Load() {
		return
	}
	switch {
	case late:
		r.strange = max(r.strange, 0) + 1
	case took*surprise < f.expects:
		r.strange = min(r.strange, 0) - 1
	default:
		r.strange = 0
	}
	if r.strange > 1 || r.strange < -1 {
		r.reading.keep(shock)
	}
	r.reading.observe(now, f.unread, took, max(f.expects, 1e-4))
	s.solveReplica()
}

// endPrompt takes a prompt off the ledger and learns from it. The server's lock is held.
func (s *Server) endPrompt(l *lease, now int64, ok bool) {
	f := l.prompt
	if f == nil {
		return
	}
	if f.Stream && f.firstAt == 0 {
		s.read(f)
	}
	if !ok || f.output < 1 || f.Stream && f.firstAt == 0 {
		return
	}
	c := s.seat.climate
	c.answer.Store(follow(c.answer.Load(), seconds(now-l.began)))
	took := seconds(now - max(f.firstAt, l.began))
	if !f.Stream {
		row := &s.replica.seen
		took -= row.start.Load() + row.perToken.Load()*f.unread
	}
	r := &s.replica
	crowd := (f.crowd + float64(s.inFlight.Load())) / 2
	expected := r.seen.pace.Load() + r.seen.perCall.Load()*crowd
	each := max(took, 0) / f.output
	if each > surprise*expected {
		r.writing.keep(shock)
	}
	r.writing.observe(now, crowd, min(each, 10*expected), expected)
	s.solveReplica()
}

// newPromptFlight returns what is known of a prompt before it is placed, nil of none.
func (p *Pool) newPromptFlight(asked *Prompt) *promptFlight {
	if asked == nil {
		return nil
	}
	c := &p.climate
	f := &promptFlight{Prompt: asked, unread: float64(asked.Tokens), output: asked.Output}
	if f.output > 0 {
		c.output.Store(follow(c.output.Load(), f.output))
	} else {
		f.output = max(c.output.Load(), 1)
	}
	return f
}
