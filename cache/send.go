package cache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxRemoteTTL bounds how long the second tier keeps a value.
	maxRemoteTTL = 30 * 24 * time.Hour
	// maxRemoteBytes bounds a value in the second tier.
	maxRemoteBytes = 32 << 20
)

// errUnencodable is wrapped around what a codec says of a value.
var errUnencodable = errors.New("cache: value cannot go to the second tier")

// send takes the next operations off the queue and has them done. It reports whether there were
// any. One goroutine at a time calls it.
func (t *tier) send(ctx context.Context) bool {
	batch := t.take()
	if len(batch) == 0 {
		return false
	}
	errs := t.prepare(ctx, batch)
	ops, at := make([]RemoteOp, 0, len(batch)), make([]int, 0, len(batch))
	for i, err := range errs {
		if err == nil {
			ops, at = append(ops, batch[i].op), append(at, i)
		}
	}
	if len(ops) > 0 {
		for i, err := range t.remote.Apply(ctx, ops) {
			errs[at[i]] = err
		}
	}
	t.done(batch, errs)
	return true
}

// done counts a batch out. What did not get through and must not be forgotten is owed before it
// is counted out, so that nobody reads in between.
func (t *tier) done(batch []queued, errs []error) {
	var refused []queued
	defer t.landedHere(batch)
	t.mu.Lock()
	for i, q := range batch {
		switch err := errs[i]; {
		case err == nil:
			if q.op.Kind == RemoteStore || q.op.Kind == RemoteReplace {
				t.counts.stored.Add(1)
			}
			if q.op.Message != nil {
				t.counts.sent.Add(1)
			}
			t.acked.note(q.invalidates(), t.group.clock.now())
		case errors.Is(err, ErrSuperseded) && q.op.Kind == RemoteAmend:
			t.owe(q) // another process changed it at the same time: all goes
		case errors.Is(err, ErrSuperseded):
			t.counts.refused.Add(1)
			refused = append(refused, q)
		default:
			t.counts.errors.Add(1)
			t.owe(q)
		}
		t.count(q, -1)
	}
	if t.sent != nil {
		close(t.sent)
		t.sent = nil
	}
	t.mu.Unlock()
	for _, q := range refused {
		// Another process wrote or invalidated the key since it was looked up: the second tier knows
		// better than memory.
		if q.entry != nil {
			q.store.discard(q.entry, causeInvalidated)
		}
	}
}

// landedHere tells the flights of this process that wait for a lease which it held itself.
func (t *tier) landedHere(batch []queued) {
	for _, q := range batch {
		if q.op.Lease != "" {
			t.landed(q.op.Key, landing(q.op.Awaited[1]))
		}
	}
}

// prepare makes values bytes. An error says that there is nothing to send of an operation.
func (t *tier) prepare(ctx context.Context, batch []queued) []error {
	errs := make([]error, len(batch))
	generations, err := t.generations(ctx, batch)
	for i := range batch {
		q := &batch[i]
		switch q.op.Kind {
		case RemoteStore:
			failed := q.seal(q.snap.generations)
			if errs[i] = failed; failed != nil && q.op.Lease != "" {
				t.counts.errors.Add(1)
				q.op = RemoteOp{
					Kind: RemoteRelease, Key: q.op.Key, Lease: q.op.Lease, Awaited: landedMessage(landedFailed, q.op.Key),
				}
				errs[i] = nil
			}
		case RemoteReplace:
			if err != nil {
				errs[i] = err
				continue
			}
			mine := make([]string, len(q.op.Names))
			for j, name := range q.op.Names {
				mine[j] = generations[name]
			}
			if failed := q.seal(mine); failed != nil {
				// The new value stays out; the old one must go.
				t.counts.errors.Add(1)
				q.op = RemoteOp{Kind: RemoteForget, Key: q.op.Key, Message: q.op.Message}
			}
		case RemoteAmend:
			if errs[i] = err; err == nil {
				q.amend(generations)
			}
		}
	}
	return errs
}

// amend adds a pattern to its generation, for itself and for what comes behind it. One that cannot be
// remembered clears all.
func (q *queued) amend(generations map[string]string) {
	name := q.op.Names[0]
	amended, ok := parseStanding(generations[name]).amend(q.pattern)
	if !ok {
		q.op.Kind = RemoteRenew
		return
	}
	q.op.Since, q.op.Value = generations[name], []byte(amended)
	generations[name] = amended
}

// generations are those of all names that the replacements of a batch need.
func (t *tier) generations(ctx context.Context, batch []queued) (map[string]string, error) {
	var names []string
	for _, q := range batch {
		if q.op.Kind == RemoteReplace || q.op.Kind == RemoteAmend {
			names = append(names, q.op.Names...)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	names = distinct(names)
	view, err := t.remote.Lookup(ctx, "", names)
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(names))
	for i, name := range names {
		if view.Generations[i] == "" {
			return nil, fmt.Errorf("%w: no generation", ErrRemoteUnavailable)
		}
		found[name] = view.Generations[i]
	}
	return found, nil
}

// seal makes the entry of an operation bytes, under the generations of its names.
func (q *queued) seal(generations []string) (err error) {
	e, s := q.entry, q.store
	now, wall := s.clock.now(), time.Now()
	left := min(time.Duration(e.expires-now), maxRemoteTTL)
	if _, gone := e.gone(now); gone || left < time.Millisecond {
		return fmt.Errorf("%w: it is over", errUnencodable)
	}
	value, err := s.encode(e.value)
	if err != nil {
		return err
	}
	if int64(len(value)) > min(maxRemoteBytes, s.share()) || len(e.tags()) > maxEnvelopeTags {
		return fmt.Errorf("%w: too large", errUnencodable)
	}
	at := func(moment int64) time.Time { return wall.Add(min(time.Duration(moment-now), left)) }
	v := envelope{
		format: s.codec.format, created: at(e.created), fresh: at(e.fresh), stale: at(e.stale), expires: at(e.expires),
		cost: e.bytes, price: e.price, took: e.took, generation: stamp(generations[:2]...), value: value,
	}
	for i, m := range e.tags() {
		if len(m.tag.name) > MaxKeyBytes {
			return fmt.Errorf("%w: tag of %d bytes", errUnencodable, len(m.tag.name))
		}
		v.tags = append(v.tags, envelopeTag{m.tag.name, generations[2+i]})
	}
	q.op.Value, q.op.Version, q.op.TTL = s.tier.packer.seal(&v, q.op.Key), newVersion(), left
	return nil
}

// encode calls the codec, whatever it does.
func (s *store) encode(value any) (data []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: panic: %v", errUnencodable, v)
		}
	}()
	data, err = s.codec.encode(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnencodable, err)
	}
	return data, nil
}

// decode calls the codec, whatever it does.
func (s *store) decode(data []byte) (value any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: panic: %v", errMalformed, v)
		}
	}()
	value, err = s.codec.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return value, nil
}
