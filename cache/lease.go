package cache

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// LeaseTTL is how long others wait at most for a process that died while it loaded a key that they
// want, until one of them takes over.
const LeaseTTL = 3 * time.Second

const (
	// leaseTime is how long a lease lasts in the second tier when it is not renewed. The rest of
	// LeaseTTL is for those who wait to notice.
	leaseTime  = 2 * time.Second
	leaseEvery = leaseTime / 4
	// longestLease bounds how long a load keeps others from loading. What it fetches could hardly be
	// stored after that.
	longestLease = MaxLookupAge
	// maxMoved bounds how often in a row a key may change between a lookup and the wish to load it.
	maxMoved = 16
	// leasePatience is how long a load waits for the second tier when that did not answer at once, as
	// when the machine is busy: what is loaded twice takes longer. At most maxPatient wait so.
	leasePatience = 400 * time.Millisecond
	maxPatient    = 4
	// sendPatience is how long a load waits until what its own process changed of the key was sent.
	sendPatience = 5 * time.Millisecond
)

// claim finds out how a flight gets its value: from the second tier, where it may wait for another
// process to put it, or by loading it, alone among the processes where that can be had. It fails
// when ctx ends meanwhile.
func (s *store) claim(ctx context.Context, f *flight) error {
	id, wake := s.remoteKey(f.key), make(chan landing, 1)
	leaser, leasing := s.tier.remote.(Leaser)
	if leasing = leasing && !s.leaseless(); leasing {
		s.tier.leases.follow(id, wake)
		defer s.tier.leases.unfollow(id, wake)
	}
	followed := false
	for moved := 0; moved < maxMoved; {
		if newer := s.revive(f); newer != nil {
			return s.joinLate(ctx, f, newer)
		}
		s.tier.awaitSent(ctx, id)
		patient := context.WithValue(ctx, patienceKey{}, time.Now().Add(leasePatience))
		s.ask(ctx, f)
		if f.batch != nil {
			f.batch.decide(f) // it could not ask
		}
		if leasing && f.found == nil && !s.usable(f) {
			s.tier.patiently(id, func() { s.ask(patient, f) })
		}
		if f.found != nil && followed {
			s.tier.counts.followed.Add(1)
		}
		if f.found != nil || !leasing || !s.usable(f) {
			break
		}
		holder, err := s.tier.contest(patient, leaser, id, s.names(f.opts.Tags), f.snap)
		if err != nil || f.snap.lease != "" {
			break // loads it
		}
		if holder.Lease == "" {
			moved++
			continue
		}
		followed = true
		f.settle()
		if awaitLanding(ctx, wake, holder.Left) == landedFailed {
			break // loads it, as the others do
		}
	}
	return ctx.Err()
}

// usable reports whether what a flight loads could be stored.
func (s *store) usable(f *flight) bool { return f.snap.usable(f.key, f.opts.Tags, s.clock.now()) }

// patiently asks the second tier once more, unless it is known not to be there.
func (t *tier) patiently(id string, ask func()) {
	if !t.askable(id) {
		return
	}
	if t.patient.Add(1) <= maxPatient {
		ask()
	}
	t.patient.Add(-1)
}

// revive has a flight that has not begun to load start over, as what was invalidated before does not
// concern what it will find. When a newer flight of the key is under way it returns that, with
// itself among the waiters.
func (s *store) revive(f *flight) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.abandoned {
		return nil
	}
	if newer := s.flights[f.key]; newer != f {
		if newer != nil && !stale(newer.tags) {
			newer.adopt()
			newer.waiters++
			return newer
		}
		s.supersede(f.key)
		s.flights[f.key], f.superseded = f, false
	}
	if stale(f.tags) {
		s.tags.release(f.tags, false)
		f.tags = s.tags.take(f.opts.Tags)
	}
	f.cleared = s.tags.cleared.Load()
	return nil
}

// joinLate waits for a newer flight.
func (s *store) joinLate(ctx context.Context, f, newer *flight) error {
	f.joined = true
	f.settle()
	select {
	case <-newer.done:
	case <-ctx.Done():
		if s.leave(newer) {
			return ctx.Err()
		}
	}
	f.value, f.found, f.absent = newer.value, newer.found, newer.absent
	return newer.err
}

// awaitLanding waits until a load of another process has landed, its lease must have lapsed, or ctx
// ends.
func awaitLanding(ctx context.Context, wake <-chan landing, left time.Duration) landing {
	timer := time.NewTimer(left + time.Millisecond)
	defer timer.Stop()
	select {
	case how := <-wake:
		return how
	case <-timer.C:
		return landedFree
	case <-ctx.Done():
		return landedFailed
	}
}

// contest asks for the lease of a key. One that was taken under generations that are gone is not
// waited for: what comes of it would be of no use.
func (t *tier) contest(ctx context.Context, by Leaser, id string, names []string, snap *snapshot) (RemoteHolder, error) {
	ask := RemoteLease{Key: id, Since: snap.version, Lease: newLease(snap.key, names, snap.generations), TTL: leaseTime}
	holder, err := by.Lease(ctx, ask)
	if err == nil && outOfDate(holder.Lease, ask.Lease) {
		ask.Over = holder.Lease
		holder, err = by.Lease(ctx, ask)
	}
	switch {
	case err == ErrRemoteUnavailable: //nolint:errorlint // the bare error: nobody was asked
		t.counts.errors.Add(1)
	case err != nil:
		t.counts.errors.Add(1)
		t.giveBack(id, ask.Lease, landedFailed) // it may have been given all the same
	case holder.Lease == ask.Lease:
		snap.lease = ask.Lease
		t.counts.led.Add(1)
		t.leases.hold(ask)
	}
	return holder, err
}

// release ends the lease of a flight that lands, with the store's mu held.
func (s *store) release(f *flight) {
	if f.snap == nil || f.snap.lease == "" {
		return
	}
	id := s.remoteKey(f.key)
	s.tier.leases.drop(f.snap.lease)
	switch {
	case f.snap.spent: // it ends with the store
	case f.abandoned || f.superseded || f.err == nil && stale(f.tags):
		s.tier.giveBack(id, f.snap.lease, landedFree)
	default:
		s.tier.giveBack(id, f.snap.lease, landedFailed)
	}
}

// giveBack ends a lease without a value.
func (t *tier) giveBack(id, lease string, how landing) {
	t.push(queued{op: RemoteOp{Kind: RemoteRelease, Key: id, Lease: lease, Awaited: landedMessage(how, id)}})
}

// keepLeases renews the leases of loads that run, until ctx ends.
func (t *tier) keepLeases(ctx context.Context) {
	leaser, ok := t.remote.(Leaser)
	if !ok {
		return
	}
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if held := t.leases.current(); len(held) > 0 && t.isLive() {
			if err := leaser.Renew(ctx, held, leaseTime); err != nil && ctx.Err() == nil {
				t.counts.errors.Add(1) // it is tried again before they lapse
			}
		}
	}
}

// A lease is a name that is not used again, and the generations that stood when it was taken, each
// for the key behind a hash of its name.
const leaseNameBytes = 8

func newLease(key string, names, generations []string) string {
	var b strings.Builder
	b.WriteString(newVersion())
	for i, name := range names {
		b.WriteString(leaseMark(name, key, generations[i]))
	}
	return b.String()
}

// leaseMark is 16 bytes for a name and what of its generation concerns a key.
func leaseMark(name, key, generation string) string {
	s := parseStanding(generation)
	generation = s.token + strconv.FormatUint(s.last(key), 36)
	var mark [2 * leaseNameBytes]byte
	for i := range leaseNameBytes {
		mark[i] = byte(xxhash.Sum64String(name) >> (8 * i))
		mark[leaseNameBytes+i] = byte(xxhash.Sum64String(generation) >> (8 * i))
	}
	return string(mark[:])
}

// outOfDate reports whether a lease was taken under another generation than a newer one.
func outOfDate(lease, newer string) bool {
	const name = len("0123456789abcdef")
	if len(lease) < name || lease[:name] == newer[:name] {
		return false
	}
	stood := map[string]string{}
	for rest := lease[name:]; len(rest) >= 2*leaseNameBytes; rest = rest[2*leaseNameBytes:] {
		stood[rest[:leaseNameBytes]] = rest[leaseNameBytes : 2*leaseNameBytes]
	}
	for rest := newer[name:]; rest != ""; rest = rest[2*leaseNameBytes:] {
		if was, ok := stood[rest[:leaseNameBytes]]; ok && was != rest[leaseNameBytes:2*leaseNameBytes] {
			return true
		}
	}
	return false
}
