package cache

import "context"

// ManyLooker is a [Remote] that reads many keys at once.
type ManyLooker interface {
	// LookupMany is Lookup for several keys, which stand under the same names. The views are in the
	// order of the keys and have the same Generations.
	LookupMany(ctx context.Context, keys []string, names []string) ([]RemoteView, error)
}

// maxLooked bounds the keys that are read together.
const maxLooked = 512

// looking is the part of a batch that asks the second tier once for all its keys, when each flight has
// said whether it wants to know. The batch's mu guards it.
type looking struct {
	// undecided are the flights that have not said so yet.
	undecided map[*flight]struct{}
	ids       []string
	names     []string
	began     bool
	// done is closed when views and err are set.
	done  chan struct{}
	views map[string]RemoteView
	err   error
}

// view asks the second tier for the key of a flight, in a batch together with the others that have not
// asked yet.
func (s *store) view(ctx context.Context, f *flight, id string, names []string) (RemoteView, error) {
	many, ok := s.tier.remote.(ManyLooker)
	if !ok || f == nil || f.batch == nil || !f.batch.wants(f, id, names, many) {
		return s.tier.remote.Lookup(ctx, id, names)
	}
	select {
	case <-f.batch.looking.done:
		return f.batch.looking.views[id], f.batch.looking.err
	case <-ctx.Done():
		return RemoteView{}, ctx.Err()
	}
}

// wants says that a flight wants to know what the second tier has; false when it has decided before.
func (b *batch) wants(f *flight, id string, names []string, many ManyLooker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &b.looking
	if _, ok := l.undecided[f]; !ok {
		return false
	}
	delete(l.undecided, f)
	l.ids, l.names = append(l.ids, id), names
	b.lookWith(many)
	return true
}

// decide says that a flight will not ask together with the others, unless it does already.
func (b *batch) decide(f *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.looking.undecided[f]; !ok {
		return
	}
	delete(b.looking.undecided, f)
	if many, ok := f.store.tier.remote.(ManyLooker); ok {
		b.lookWith(many)
	}
}

// lookWith asks when it is time, with mu held.
func (b *batch) lookWith(many ManyLooker) {
	if l := &b.looking; !b.opening && !l.began && len(l.undecided) == 0 && len(l.ids) > 0 {
		l.began = true
		go b.lookUp(many)
	}
}

// lookUp asks. Those who wait for it do so until it has ended.
func (b *batch) lookUp(many ManyLooker) {
	l := &b.looking
	defer close(l.done)
	views := make(map[string]RemoteView, len(l.ids))
	for at := 0; at < len(l.ids) && l.err == nil; at += maxLooked {
		ids := l.ids[at:min(at+maxLooked, len(l.ids))]
		var found []RemoteView
		found, l.err = many.LookupMany(b.ctx, ids, l.names)
		for i := range found {
			views[ids[i]] = found[i]
		}
	}
	l.views = views
}
