package balancer

import "math"

// The weights of what a prompt costs, found by simulation of unequal replicas from idle to
// far beyond saturation (package sim).
const (
	firstTokenWeight = 4.0 // of the time to the first token, besides its part of the whole
	delayWeight      = 6.0 // of the delay that reading it is to the other calls
	calmRatio        = 0.3 // below this part of its limit a crowd does not count
	crowdedRatio     = 0.6 // from here on nothing else does
	crowdWeight      = 4.0 // mean answers that a crowd is worth half-way
)

// choosePrompt returns the index of the row that a prompt costs least, -1 when none is
// available. What it costs is the predicted time to its end, with more weight on its first
// token, and the delay that it is to the others. The more crowded the replicas, the more
// counts what the load-aware prefix rule of vLLM's production stack counts: the part of the
// prompt that is not known yet, and the calls in flight above the mean. It knows that a
// prefix that is kept in one place is room for another prefix elsewhere, which no prediction
// for a single call sees.
func (p *Pool) choosePrompt(v *view, rows []row, j job, f *promptFlight) int {
	var depth [prefixServers]uint16
	p.prefixes.known(f.Blocks, &depth)
	limit := p.climate.crowd.limit.Load()
	usual := p.climate.replica.pace.Load() + p.climate.replica.perCall.Load()*limit
	mean, places := 0.0, 0.0
	for i := range rows {
		if rows[i].available() {
			mean += v.servers[i].crowded(limit, usual)
			places++
		}
	}
	if places == 0 {
		return -1
	}
	mean /= places
	crowdPrice := p.crowdPrice(mean)
	best, at := math.Inf(1), -1
	rnd := j.rnd
	for i := range rows {
		if !rows[i].available() {
			continue
		}
		s := v.servers[i]
		r := &s.replica.seen
		unread, n := unreadTokens(f.Prompt, int(s.replica.place.Load()), &depth), float64(s.inFlight.Load())
		first := r.start.Load() + r.perToken.Load()*(r.pending.Load()+unread)
		perCall := r.perCall.Load()
		own := (1+firstTokenWeight)*first + f.output*(r.pace.Load()+perCall*(n+1))
		others := delayWeight*r.perToken.Load()*unread*n + f.output*perCall*n
		rnd = splitmix(rnd)
		cost := (own+others)*r.factor.Load()*(1+1e-9*unit(rnd)) + r.extra.Load()
		cost += crowdPrice * ((s.crowded(limit, usual)-mean)/max(mean, 1) + unread/float64(f.Tokens))
		if cost < best {
			best, at, f.unread = cost, i, unread
		}
	}
	return at
}

// crowded is how many calls a replica has, those in its queue counted by how long it takes
// to get to them.
func (s *Server) crowded(limit, usual float64) float64 {
	n := float64(s.inFlight.Load())
	if n <= limit {
		return n
	}
	r := &s.replica.seen
	return limit + (n-limit)*(r.pace.Load()+r.perCall.Load()*limit)/usual
}

// crowdPrice is what a call in flight above the mean costs, relative to the mean, in seconds.
func (p *Pool) crowdPrice(mean float64) float64 {
	c := &p.climate
	b := (mean/c.crowd.limit.Load() - calmRatio) / (crowdedRatio - calmRatio)
	b = min(max(b, 0), 0.999)
	return crowdWeight * c.answer.Load() * b / (1 - b)
}

// unreadTokens is how much of the prompt the server of the place has to read.
func unreadTokens(prompt *Prompt, place int, depth *[prefixServers]uint16) float64 {
	known := 0
	if place >= 0 {
		known = int(depth[place]) * prompt.blockTokens()
	}
	return float64(max(prompt.Tokens-known, 1))
}
