package rediscache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

// batch is what one Apply sends.
type batch struct {
	commands []rueidis.Completed
	// did is the command that does an operation, told the one that passes its message on; 0 for one
	// that is sent once it is known how the operation went.
	did, told []int
}

// Apply implements [cache.Remote]. Others read again when they hear of an operation, so they hear
// after it is done. Where the server keeps the order, the message goes right behind: when the
// operation fails nevertheless, the others forget for nothing. Values are not sent to a server that
// refuses writes.
func (t *Tier) Apply(ctx context.Context, ops []cache.RemoteOp) []error {
	why := t.held()
	if why == nil {
		return t.apply(ctx, ops)
	}
	rest, at, errs := holdBack(ops, why)
	if len(rest) == 0 {
		return errs
	}
	for i, err := range t.apply(ctx, rest) {
		if errs[at[i]] == nil {
			errs[at[i]] = err
		}
	}
	return errs
}

func (t *Tier) apply(ctx context.Context, ops []cache.RemoteOp) []error {
	errs := make([]error, len(ops))
	var sent batch
	results, err := t.do(ctx, t.cfg.ApplyTimeout, func(b rueidis.Builder) []rueidis.Completed {
		sent = t.batch(b, ops)
		return sent.commands
	})
	if err != nil {
		return all(errs, err)
	}
	var messages [][]byte
	var of []int // the operations that these belong to
	var refused error
	for i, op := range ops {
		wanted, err := outcome(op, results[sent.did[i]])
		if err == nil && sent.told[i] > 0 {
			err = results[sent.told[i]].Error()
		}
		if wanted {
			messages, of = append(messages, op.Awaited), append(of, i)
		}
		if err == nil && op.Message != nil && sent.told[i] == 0 {
			messages, of = append(messages, op.Message), append(of, i)
		}
		if errs[i] = err; err != nil && !errors.Is(err, cache.ErrSuperseded) {
			refused = err
		}
	}
	if refused != nil || t.held() == nil {
		t.setRefused(refused)
	}
	t.tell(ctx, messages, of, errs)
	return errs
}

// tell passes messages on that could not go with their operations.
func (t *Tier) tell(ctx context.Context, messages [][]byte, of []int, errs []error) {
	if len(messages) == 0 {
		return
	}
	results, err := t.do(ctx, t.cfg.ApplyTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, len(messages))
		for i, m := range messages {
			commands[i] = t.publish(b, m)
		}
		return commands
	})
	for i, at := range of {
		failed := err
		if failed == nil {
			failed = results[i].Error()
		}
		if errs[at] == nil {
			errs[at] = failed
		}
	}
}

func all(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (t *Tier) publish(b rueidis.Builder, m []byte) rueidis.Completed {
	return b.Publish().Channel(t.feedChannel()).Message(t.self + string(m)).Build()
}

// batch makes operations commands.
func (t *Tier) batch(b rueidis.Builder, ops []cache.RemoteOp) batch {
	out := batch{
		commands: make([]rueidis.Completed, 0, 3*len(ops)), did: make([]int, len(ops)), told: make([]int, len(ops)),
	}
	for i, op := range ops {
		out.did[i] = len(out.commands)
		out.commands = append(out.commands, t.command(b, op))
		if op.Kind == cache.RemoteReplace || op.Kind == cache.RemoteForget {
			out.commands = append(out.commands, b.Unlink().Key(t.leaseKey(op.Key)).Build())
		}
		if t.ordered && op.Message != nil && op.Kind != cache.RemoteStore && op.Kind != cache.RemoteAmend {
			out.told[i] = len(out.commands)
			out.commands = append(out.commands, t.publish(b, op.Message))
		}
	}
	out.commands = append(out.commands, t.keep(b, ops)...)
	return out
}

// command is what does an operation.
func (t *Tier) command(b rueidis.Builder, op cache.RemoteOp) rueidis.Completed {
	key := t.valueKey(op.Key)
	value := func() string { return valueHead + op.Version + string(op.Value) }
	switch op.Kind {
	case cache.RemoteStore:
		if op.Lease != "" {
			return b.Eval().Script(scriptStoreLeased).Numkeys(2).Key(t.leaseKey(op.Key), key).
				Arg(op.Lease, op.Since, value(), millis(op.TTL)).Build()
		}
		return eval(b, scriptStore, key, op.Since, value(), millis(op.TTL))
	case cache.RemoteReplace:
		return b.Set().Key(key).Value(value()).PxMilliseconds(max(op.TTL.Milliseconds(), 1)).Build()
	case cache.RemoteForget:
		mark := markHead + rand.Text()[:versionLength]
		return b.Set().Key(key).Value(mark).PxMilliseconds(cache.RemoteMarkTTL.Milliseconds()).Build()
	case cache.RemoteDiscard:
		return eval(b, scriptDiscard, key, op.Since)
	case cache.RemoteAmend:
		return eval(b, scriptAmend, t.generationKey(op.Names[0]), op.Since, string(op.Value))
	case cache.RemoteRelease:
		return eval(b, scriptRelease, t.leaseKey(op.Key), op.Lease)
	}
	return b.Unlink().Key(t.generationKey(op.Names[0])).Build()
}

// keep has generations live as long as what is stored under them.
func (t *Tier) keep(b rueidis.Builder, ops []cache.RemoteOp) []rueidis.Completed {
	longest := map[string]time.Duration{}
	for _, op := range ops {
		if op.Kind == cache.RemoteStore || op.Kind == cache.RemoteReplace {
			for _, name := range op.Names {
				longest[name] = max(longest[name], op.TTL+generationSlack)
			}
		}
	}
	commands := make([]rueidis.Completed, 0, len(longest))
	for name, ttl := range longest {
		commands = append(commands, eval(b, scriptKeep, t.generationKey(name), millis(ttl)))
	}
	return commands
}

// outcome is how an operation went, and whether others wait for a lease that it ended.
func outcome(op cache.RemoteOp, r rueidis.RedisResult) (wanted bool, err error) {
	switch op.Kind {
	case cache.RemoteStore, cache.RemoteRelease, cache.RemoteAmend:
	default:
		return false, r.Error()
	}
	bits, err := r.AsInt64()
	if err != nil {
		return false, fmt.Errorf("apply: %w", err)
	}
	if op.Kind != cache.RemoteRelease && bits&leaseStored == 0 {
		err = cache.ErrSuperseded
	}
	return bits&leaseWanted != 0, err
}
