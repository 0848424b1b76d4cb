package rediscache

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

const (
	versionLength = 16
	headerLength  = 1 + versionLength

	// What a key has begins with one of these and a version.
	valueHead = "v"
	markHead  = "d"

	// generationTTL is how long a generation lives at first, generationSlack how much longer than
	// what was stored under it.
	generationTTL   = time.Hour
	generationSlack = time.Minute
)

// The scripts run on one key each, so they run on a cluster too.
const (
	scriptStore = `if redis.call('GETRANGE', KEYS[1], 0, 16) ~= ARGV[1] then return 0 end ` +
		`redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1`
	scriptDiscard = `if redis.call('GETRANGE', KEYS[1], 0, 16) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`
	scriptMake    = `local g = redis.call('GET', KEYS[1]) if g then return g end ` +
		`redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return ARGV[1]`
	scriptKeep = `if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return 1`
)

func (t *Tier) valueKey(key string) string { return t.cfg.Prefix + ":" + layout + ":e:" + key }

func (t *Tier) generationKey(name string) string { return t.cfg.Prefix + ":" + layout + ":g:" + name }

// The channels have one hash tag, so that a cluster has them on one server.
func (t *Tier) feedChannel() string { return "{" + t.cfg.Prefix + ":" + layout + "}:feed" }
func (t *Tier) selfChannel() string { return t.feedChannel() + ":" + t.self }

func eval(b rueidis.Builder, script, key string, args ...string) rueidis.Completed {
	return b.Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()
}

func millis(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }

// Lookup implements [cache.Remote].
func (t *Tier) Lookup(ctx context.Context, key string, names []string) (cache.RemoteView, error) {
	view := cache.RemoteView{Generations: make([]string, len(names))}
	results, err := t.do(ctx, t.cfg.LookupTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, 0, 1+len(names))
		for _, name := range names {
			commands = append(commands, b.Get().Key(t.generationKey(name)).Build())
		}
		if key != "" {
			commands = append(commands, b.Get().Key(t.valueKey(key)).Build())
		}
		return commands
	})
	if err != nil {
		return view, err
	}
	missing := false
	for i := range names {
		view.Generations[i], err = text(results[i])
		if err != nil {
			return view, err
		}
		missing = missing || view.Generations[i] == ""
	}
	if key != "" {
		if err := takeValue(&view, results[len(names)]); err != nil {
			return view, err
		}
	}
	if missing {
		t.makeGenerations(ctx, names, view.Generations)
	}
	return view, nil
}

// text is a string reply; "" for none.
func text(r rueidis.RedisResult) (string, error) {
	s, err := r.ToString()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	return s, err
}

// takeValue takes apart what a key has. What is no value of ours is one without a version, which
// no store replaces, until it is over.
func takeValue(view *cache.RemoteView, r rueidis.RedisResult) error {
	s, err := text(r)
	if err != nil || s == "" {
		return err
	}
	view.Version = s[:min(len(s), headerLength)]
	if s[:1] != markHead || len(s) != headerLength {
		view.Value = []byte(s[min(len(s), headerLength):])
	}
	return nil
}

// makeGenerations makes those that are "". Where that fails they stay so, and nothing is stored
// under them.
func (t *Tier) makeGenerations(ctx context.Context, names, generations []string) {
	results, err := t.do(ctx, t.cfg.LookupTimeout, func(b rueidis.Builder) []rueidis.Completed {
		var commands []rueidis.Completed
		for i, name := range names {
			if generations[i] == "" {
				commands = append(commands,
					eval(b, scriptMake, t.generationKey(name), rand.Text()[:versionLength], millis(generationTTL)))
			}
		}
		return commands
	})
	if err != nil {
		return
	}
	at := 0
	for i := range generations {
		if generations[i] != "" {
			continue
		}
		made, err := text(results[at])
		at++
		if err != nil {
			t.setRefused(err)
			continue
		}
		generations[i] = made
	}
}

// Apply implements [cache.Remote].
func (t *Tier) Apply(ctx context.Context, ops []cache.RemoteOp) []error {
	errs := make([]error, len(ops))
	results, err := t.do(ctx, t.cfg.ApplyTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, 0, 2*len(ops))
		for _, op := range ops {
			commands = append(commands, t.command(b, op))
		}
		return append(commands, t.keep(b, ops)...)
	})
	if err != nil {
		return all(errs, err)
	}
	var told []int
	var refused error
	for i, op := range ops {
		if errs[i] = outcome(op, results[i]); errs[i] == nil && op.Message != nil {
			told = append(told, i)
		}
		if errs[i] != nil && errs[i] != cache.ErrSuperseded { //nolint:errorlint // it is returned as it is
			refused = errs[i]
		}
	}
	t.setRefused(refused)
	// Others read again when they hear of it, so they hear after it is done.
	if len(told) == 0 {
		return errs
	}
	results, err = t.do(ctx, t.cfg.ApplyTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, len(told))
		for i, at := range told {
			commands[i] = b.Publish().Channel(t.feedChannel()).Message(t.self + string(ops[at].Message)).Build()
		}
		return commands
	})
	for i, at := range told {
		if errs[at] = err; err == nil {
			errs[at] = results[i].Error()
		}
	}
	return errs
}

func all(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// command is what does an operation.
func (t *Tier) command(b rueidis.Builder, op cache.RemoteOp) rueidis.Completed {
	key := t.valueKey(op.Key)
	value := func() string { return valueHead + op.Version + string(op.Value) }
	switch op.Kind {
	case cache.RemoteStore:
		return eval(b, scriptStore, key, op.Since, value(), millis(op.TTL))
	case cache.RemoteReplace:
		return b.Set().Key(key).Value(value()).PxMilliseconds(max(op.TTL.Milliseconds(), 1)).Build()
	case cache.RemoteForget:
		mark := markHead + rand.Text()[:versionLength]
		return b.Set().Key(key).Value(mark).PxMilliseconds(cache.RemoteMarkTTL.Milliseconds()).Build()
	case cache.RemoteDiscard:
		return eval(b, scriptDiscard, key, op.Since)
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

// outcome is how an operation went.
func outcome(op cache.RemoteOp, r rueidis.RedisResult) error {
	if op.Kind != cache.RemoteStore {
		return r.Error()
	}
	stored, err := r.AsInt64()
	switch {
	case err != nil:
		return fmt.Errorf("store: %w", err)
	case stored == 0:
		return cache.ErrSuperseded
	}
	return nil
}
