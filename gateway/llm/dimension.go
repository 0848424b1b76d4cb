package llm

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// dimension is a bounded set of names and their figures.
type dimension struct {
	bound int
	known atomic.Pointer[map[string]*figures]
	mu    sync.Mutex // serialises changes of known
}

func (d *dimension) init(bound int) {
	d.bound = bound
	d.known.Store(&map[string]*figures{})
}

// of returns the figures of a name.
func (d *dimension) of(name string) *figures {
	if name == "" {
		name = Unnamed
	}
	if f, ok := (*d.known.Load())[name]; ok {
		return f
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := *d.known.Load()
	if len(known) >= d.bound {
		name = Other
	}
	if f, ok := known[name]; ok {
		return f
	}
	f, next := &figures{}, maps.Clone(known)
	next[strings.Clone(name)] = f
	d.known.Store(&next)
	return f
}

// read returns the figures of all names.
func (d *dimension) read() map[string]Figures {
	known := *d.known.Load()
	out := make(map[string]Figures, len(known))
	for name, f := range known {
		out[name] = f.read()
	}
	return out
}
