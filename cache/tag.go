package cache

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// tags are the names that entries and running loads have now. A name that nobody has is
// forgotten, so there is nothing to leak.
type tags struct {
	// cleared counts the tags cleared, for marks.
	cleared atomic.Uint64

	mu     sync.Mutex // guards the fields below and those of each tag
	byName map[string]*tag
}

// tag is a counter of how often its name was cleared.
type tag struct {
	name       string
	generation atomic.Uint64
	// users are the entries and loads that have it; entries the stored ones of this generation.
	users, entries int
}

// tagMark is a tag with the generation under which a value was fetched.
type tagMark struct {
	tag        *tag
	generation uint64
}

func newTags() *tags { return &tags{byName: map[string]*tag{}} }

// stale reports whether one of the tags was cleared since.
func stale(marks []tagMark) bool {
	for _, m := range marks {
		if m.tag.generation.Load() != m.generation {
			return true
		}
	}
	return false
}

// distinct returns names sorted and each once, without changing the caller's.
func distinct(names []string) []string {
	if len(names) < 2 {
		return names
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// take takes the generations of names, which are distinct. It must come before the value is
// fetched; every take wants a release.
func (t *tags) take(names []string) []tagMark {
	if len(names) == 0 {
		return nil
	}
	marks := make([]tagMark, len(names))
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, name := range names {
		known := t.byName[name]
		if known == nil {
			known = &tag{name: strings.Clone(name)}
			t.byName[known.name] = known
		}
		known.users++
		marks[i] = tagMark{known, known.generation.Load()}
	}
	return marks
}

// stored counts an entry under its tags.
func (t *tags) stored(marks []tagMark) {
	if len(marks) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range marks {
		if m.tag.generation.Load() == m.generation {
			m.tag.entries++
		}
	}
}

// release gives marks back; stored tells whether they were those of a stored entry.
func (t *tags) release(marks []tagMark, stored bool) {
	if len(marks) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range marks {
		if stored && m.tag.generation.Load() == m.generation {
			m.tag.entries--
		}
		if m.tag.users--; m.tag.users == 0 {
			delete(t.byName, m.tag.name)
		}
	}
}

// clear begins a new generation of a tag and returns how many entries were of the last.
func (t *tags) clear(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleared.Add(1)
	known := t.byName[name]
	if known == nil {
		return 0
	}
	known.generation.Add(1)
	n := known.entries
	known.entries = 0
	return n
}

func (t *tags) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byName)
}
