package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// snapshot is what the second tier had of a key before a value was fetched.
type snapshot struct {
	key     string
	version string
	// live says that the version is that of a value in force.
	live bool
	at   int64
	tags []string
	// generations are those of the group, of the cache and of tags.
	generations []string
	// lease is what a load holds, spent whether it went to the second tier with the value.
	lease string
	spent bool
}

// found is a value that the second tier had.
type found struct {
	value any
	life  life
	// due is when it should be loaded anew at the earliest.
	due  int64
	tags []string
	made
}

// newVersion names a value: 16 bytes that are not used again.
func newVersion() string { return rand.Text()[:16] }

// shared reports whether the values of the cache go to a second tier.
func (s *store) shared() bool { return s.tier != nil && s.codec != nil }

// remoteKey is the key in the second tier. A name has no slash.
func (s *store) remoteKey(key string) string { return s.name + "/" + key }

// names are the generations that a value with these tags stands under.
func (s *store) names(tags []string) []string {
	names := make([]string, 0, 2+len(tags))
	names = append(names, groupGeneration, nameGeneration(s.name))
	for _, tag := range tags {
		names = append(names, tagGeneration(tag))
	}
	return names
}

// fetch asks the second tier for a key, of a flight unless that is nil. It returns what it found, if anything, and what a value
// fetched otherwise, with these tags, may be stored by; nil when it could not be asked.
func (s *store) fetch(ctx context.Context, f *flight, key string, tags []string) (*found, *snapshot) {
	id := s.remoteKey(key)
	if !s.tier.askable(id) {
		return nil, nil
	}
	snap := &snapshot{key: key, at: s.clock.now(), tags: tags}
	view, err := s.view(ctx, f, id, s.names(tags))
	if err != nil {
		s.tier.counts.errors.Add(1)
		return nil, nil
	}
	snap.version, snap.generations = view.Version, view.Generations
	got, err := s.read(ctx, id, view, snap)
	switch {
	case errors.Is(err, errMalformed):
		s.tier.counts.malformed.Add(1)
		s.tier.push(queued{store: s, op: RemoteOp{Kind: RemoteDiscard, Key: id, Since: view.Version}})
		return nil, nil // its place is free by the next time
	case got == nil:
		s.tier.counts.misses.Add(1)
		return nil, snap
	}
	s.tier.counts.hits.Add(1)
	snap.live = true
	return got, snap
}

// read opens what the second tier has; nil for what is over.
func (s *store) read(ctx context.Context, id string, view RemoteView, snap *snapshot) (*found, error) {
	if view.Value == nil || view.Generations[0] == "" || view.Generations[1] == "" {
		return nil, nil
	}
	v, err := s.tier.packer.open(id, s.codec.format, view.Value, min(maxRemoteBytes, s.share()))
	if errors.Is(err, errOtherFormat) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if time.Until(v.expires) <= 0 || !holds(v.generation, snap.key, view.Generations[:2]...) || !s.inForce(ctx, v.tags, snap) {
		return nil, nil
	}
	value, err := s.decode(v.value)
	if err != nil {
		return nil, err
	}
	f := &found{value: value, made: made{v.took, v.price}}
	f.life, f.due = s.localLife(v)
	for _, t := range v.tags {
		f.tags = append(f.tags, t.name)
	}
	f.tags = distinct(f.tags)
	return f, nil
}

// inForce reports whether the generations of tags are still those of an envelope. It asks for
// those that the snapshot does not have.
func (s *store) inForce(ctx context.Context, tags []envelopeTag, snap *snapshot) bool {
	known := make(map[string]string, len(snap.tags))
	for i, tag := range snap.tags {
		known[tag] = snap.generations[2+i]
	}
	var ask []string
	for _, t := range tags {
		if _, ok := known[t.name]; !ok {
			ask = append(ask, tagGeneration(t.name))
		}
	}
	if len(ask) > 0 {
		view, err := s.tier.remote.Lookup(ctx, "", ask)
		if err != nil {
			s.tier.counts.errors.Add(1)
			return false
		}
		for i, name := range ask {
			known[name[len(tagGeneration("")):]] = view.Generations[i]
		}
	}
	for _, t := range tags {
		if t.generation == "" || known[t.name] != t.generation {
			return false
		}
	}
	return true
}

// usable reports whether a value of the key, with these tags, may be stored by the snapshot.
func (snap *snapshot) usable(key string, tags []string, now int64) bool {
	if snap == nil || snap.key != key || snap.version == "" && now-snap.at > int64(MaxLookupAge) {
		return false
	}
	for i := range snap.generations {
		if snap.generations[i] == "" {
			return false
		}
	}
	return len(tags) == len(snap.tags) && equal(tags, snap.tags)
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// fill sends an entry that fills a place to the second tier, with mu held.
func (s *store) fill(e *entry, snap *snapshot, tags []string) {
	if !s.shared() || !snap.usable(e.key(), tags, s.clock.now()) {
		return
	}
	op := RemoteOp{Kind: RemoteStore, Key: s.remoteKey(e.key()), Since: snap.version, Names: s.names(tags)}
	if snap.live { // others may have what it replaces
		op.Message = keyMessage(s.name, e.key())
	}
	if snap.lease != "" {
		op.Lease, op.Awaited, snap.spent = snap.lease, landedMessage(landedStored, op.Key), true
	}
	s.tier.push(queued{op: op, store: s, entry: e, snap: snap})
}

// replace sends an entry to the second tier in the place of what is there, with mu held.
func (s *store) replace(e *entry, tags []string) {
	if !s.shared() {
		return
	}
	s.tier.push(queued{store: s, entry: e, op: RemoteOp{
		Kind: RemoteReplace, Key: s.remoteKey(e.key()), Names: s.names(tags), Message: keyMessage(s.name, e.key()),
	}})
}

// forget has the second tier and the other processes forget a key, with mu held.
func (s *store) forget(key string) {
	if !s.shared() {
		return
	}
	s.tier.push(queued{store: s, op: RemoteOp{
		Kind: RemoteForget, Key: s.remoteKey(key), Message: keyMessage(s.name, key),
	}})
	s.tier.landed(s.remoteKey(key), landedFree) // what they wait for will not be stored
}

// renew has the second tier drop a generation, and the other processes hear of it. It comes
// before memory is cleared, so that nothing old is read again in between.
func (t *tier) renew(name string, m []byte) {
	if t != nil {
		t.push(queued{op: RemoteOp{Kind: RemoteRenew, Names: []string{name}, Message: m}})
	}
}

// amend has the second tier remember that a pattern was cleared, and the other processes hear of it.
func (t *tier) amend(generation, name, pattern string) {
	if t != nil {
		t.push(queued{pattern: pattern, op: RemoteOp{
			Kind: RemoteAmend, Names: []string{generation}, Message: message(saysPattern, name+"/"+pattern),
		}})
	}
}

// renew has the second tier drop all of the cache.
func (s *store) renew(m []byte) {
	if s.shared() {
		s.tier.renew(nameGeneration(s.name), m)
	}
}

// lookup asks the second tier for a key and keeps what it finds, unless the key is invalidated
// meanwhile. Without an answer it is what memory has.
func (s *store) lookup(ctx context.Context, key string, tags []string) (any, Mark, bool) {
	mark := s.mark()
	if !s.shared() || len(key) > MaxKeyBytes {
		e := s.peek(key)
		if e == nil {
			return nil, mark, false
		}
		return e.value, mark, true
	}
	had := s.held(key)
	fetched, snap := s.fetch(ctx, nil, key, tags)
	mark.snap = snap
	if fetched == nil || s.clock.now() >= fetched.life.fresh {
		if e := s.peek(key); e != nil {
			return e.value, mark, true
		}
		return nil, mark, false
	}
	if !s.keep(key, fetched, mark) && had != nil {
		s.discard(had, causeInvalidated) // who saw the newer value must not see the older one
	}
	return fetched.value, mark, true
}

// keep keeps what the second tier had in memory, unless the key was invalidated since. It reports
// whether it does.
func (s *store) keep(key string, f *found, since Mark) bool {
	e, err := s.newEntry(key, f.value, f.tags, f.made)
	if err != nil {
		s.rejected.Add(1)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outdated(since, e.key(), f.tags) {
		s.superseded.Add(1)
		return false
	}
	e.tag(s.tags.take(f.tags))
	return s.put(e, f.life) == nil // what is too large is counted there
}

// doubt shortens the life of what is stored from now on: messages may be missing.
func (s *store) doubt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspect = s.shared()
}

// trust ends a doubt. What is held may have been invalidated unheard.
func (s *store) trust() {
	if !s.shared() {
		return
	}
	s.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspect = false
}

// dropBefore drops what is held since before a moment.
func (s *store) dropBefore(at int64) {
	if !s.shared() {
		return
	}
	for e := range s.entries() {
		if e.created <= at {
			s.discard(e, causeExpired)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.without(func(a *absence) bool { return a.created <= at })
}
