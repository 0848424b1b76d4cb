package cache

import (
	"maps"
	"strings"
	"time"
)

// replicationLag is how far a server that takes over may be behind the one it replaces.
const replicationLag = 10 * time.Second

// ackedFor is how long it is remembered: an outage may come in between.
const ackedFor = 10 * time.Minute

// acked are the generations that were invalidated of late, or of which a key was, by this process
// or another, and when that was acknowledged or heard of. Replication does not wait for them: a server that takes over may not know of
// the last ones, so they are done again.
type acked struct {
	at    map[string]int64
	sweep int64
	// lost is when the feed was lost last.
	lost int64
}

// note takes what was acknowledged; a map of more than maxOwed names stands for all.
func (a *acked) note(names []string, now int64) {
	if a.at == nil {
		a.at = map[string]int64{}
	}
	if now-a.sweep > int64(replicationLag) {
		a.sweep = now
		maps.DeleteFunc(a.at, func(_ string, at int64) bool { return now-at > int64(ackedFor) })
	}
	for _, name := range names {
		a.at[name] = now
	}
	if len(a.at) > maxOwed {
		a.at = map[string]int64{groupGeneration: now}
	}
}

// unsure are the names that a server which took over when the feed was lost may not know of.
func (a *acked) unsure() []string {
	var names []string
	for name, at := range a.at {
		if a.lost-at <= int64(replicationLag) {
			names = append(names, name)
		}
	}
	return names
}

// Successor is a [Feed] that wants to know when another server has taken over.
type Successor interface {
	// Succeeded says, before the feed lives again, that the server may not know of what was
	// acknowledged in the last seconds, or, with all, that nothing it has can be trusted.
	Succeeded(all bool)
}

var _ Successor = (*tier)(nil)

// Succeeded implements [Successor].
func (t *tier) Succeeded(all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if all {
		t.oweAll([]string{groupGeneration})
		return
	}
	t.oweAll(t.acked.unsure())
}

// heard takes a message of another process.
func (t *tier) heard(m []byte) {
	names := messageNames(m)
	if names == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked.note(names, t.group.clock.now())
}

// messageNames are the generations that stand for what a message invalidates.
func messageNames(m []byte) []string {
	if len(m) == 0 {
		return nil
	}
	what := string(m[1:])
	name, _, _ := strings.Cut(what, "/")
	switch m[0] {
	case saysKey, saysName:
		return []string{nameGeneration(name)}
	case saysTag:
		return []string{tagGeneration(what)}
	case saysPattern:
		if name != "" {
			return []string{nameGeneration(name)}
		}
		return []string{groupGeneration}
	case saysAll:
		return []string{groupGeneration}
	}
	return nil
}
