package diskcache

import (
	"crypto/rand"
	"sync/atomic"
)

const tokenLength = 16

func newToken() string { return rand.Text()[:tokenLength] }

// generations are the tokens of names, as many as fit; one that leaves costs misses. The log's
// mu guards them.
type generations struct {
	byName map[string]*generation
	// unwritten are names whose generation is in no file.
	unwritten map[string]struct{}
	bytes     int64
	maxBytes  int64
	max       int
	uses      *atomic.Uint64
}

type generation struct {
	token string
	// seg is the file that has it; nil before it is written.
	seg *segment
	// used is when, on the count of uses, it was asked for last.
	used atomic.Uint64
}

// newGenerations bounds the names so that those of one file fit another many times.
func newGenerations(cfg Config) generations {
	return generations{
		byName: map[string]*generation{}, unwritten: map[string]struct{}{},
		uses: new(atomic.Uint64), maxBytes: cfg.fileSize() / 4, max: cfg.MaxEntries / files / 4,
	}
}

func nameBytes(name, token string) int64 { return int64(headBytes + len(name) + len(token)) }

// get is the token of a name, "" when it has none.
func (g *generations) get(name string) string {
	known := g.byName[name]
	if known == nil {
		return ""
	}
	known.used.Store(g.uses.Add(1))
	return known.token
}

// set keeps a token that a file has.
func (g *generations) set(name, token string, seg *segment) {
	known := g.byName[name]
	if known == nil {
		g.makeRoom(nameBytes(name, token))
		known = &generation{token: token}
		g.byName[name] = known
		g.bytes += nameBytes(name, token)
	}
	g.bytes += int64(len(token) - len(known.token))
	known.token, known.seg = token, seg
	if seg == nil {
		g.unwritten[name] = struct{}{}
	} else {
		delete(g.unwritten, name)
	}
	known.used.Store(g.uses.Add(1))
}

// make is get for a name that may have none.
func (g *generations) make(name string) string {
	if token := g.get(name); token != "" {
		return token
	}
	g.set(name, newToken(), nil)
	return g.byName[name].token
}

// makeRoom lets names leave: of a few that come to hand, the one that was not asked for longest.
func (g *generations) makeRoom(bytes int64) {
	const few = 8
	for len(g.byName) > 0 && (len(g.byName) >= g.max || g.bytes+bytes > g.maxBytes) {
		oldest, looked := "", 0
		for name, known := range g.byName {
			if looked == 0 || known.used.Load() < g.byName[oldest].used.Load() {
				oldest = name
			}
			if looked++; looked == few {
				break
			}
		}
		g.bytes -= nameBytes(oldest, g.byName[oldest].token)
		delete(g.byName, oldest)
		delete(g.unwritten, oldest)
	}
}

// leave has those that only a file has which is removed written again.
func (g *generations) leave(s *segment) {
	for _, name := range s.names {
		if known := g.byName[name]; known != nil && known.seg == s {
			known.seg = nil
			g.unwritten[name] = struct{}{}
		}
	}
}

// unwritten are the records of generations that are in no file.
func (l *log) unwritten() []record {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]record, 0, len(l.names.unwritten))
	for name := range l.names.unwritten {
		out = append(out, record{kind: kindGeneration, key: name, version: l.names.byName[name].token})
	}
	return out
}
