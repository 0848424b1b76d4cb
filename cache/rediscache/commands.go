package rediscache

import (
	"context"
	"crypto/rand"
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
	// what was stored under it, and how long one lives at first under which something is stored at once.
	generationTTL   = cache.MaxLookupAge + generationSlack
	generationSlack = 10 * time.Second
)

// The scripts run on one key each, or on keys of one slot, so they run on a cluster too.
const (
	scriptStore = `if redis.call('GETRANGE', KEYS[1], 0, 16) ~= ARGV[1] then return 0 end ` +
		`redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1`
	scriptDiscard = `if redis.call('GETRANGE', KEYS[1], 0, 16) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`
	scriptMake    = `local g = redis.call('GET', KEYS[1]) if g then return g end ` +
		`redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return ARGV[1]`
	scriptAmend = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end ` +
		`redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') return 1`
	scriptKeep = `if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return 1`
)

// The value of a key and its lease are in one slot. A key begins with the name of its cache, so
// what is hashed is never empty.
func (t *Tier) valueKey(key string) string { return t.cfg.Prefix + ":" + layout + ":e:{" + key + "}" }

func (t *Tier) generationKey(name string) string { return t.cfg.Prefix + ":" + layout + ":g:" + name }

// The channels are those of plain PUBLISH, which the servers of a cluster pass on to each other.
func (t *Tier) feedChannel() string { return "{" + t.cfg.Prefix + ":" + layout + "}:feed" }
func (t *Tier) selfChannel() string { return t.feedChannel() + ":" + t.self }

func eval(b rueidis.Builder, script, key string, args ...string) rueidis.Completed {
	return b.Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()
}

func millis(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }

// Lookup implements [cache.Remote].
func (t *Tier) Lookup(ctx context.Context, key string, names []string) (cache.RemoteView, error) {
	var keys []string
	if key != "" {
		keys = []string{key}
	}
	generations, values, err := t.lookup(ctx, keys, names)
	view := cache.RemoteView{Generations: generations}
	if err == nil && key != "" {
		err = takeValue(&view, values[0])
	}
	return view, err
}

// LookupMany implements [cache.ManyLooker], with one round trip to each server concerned. Of a key that
// cannot be read nothing is known.
func (t *Tier) LookupMany(ctx context.Context, keys []string, names []string) ([]cache.RemoteView, error) {
	generations, values, err := t.lookup(ctx, keys, names)
	if err != nil {
		return nil, err
	}
	views := make([]cache.RemoteView, len(keys))
	for i := range views {
		views[i].Generations = generations
		if err := takeValue(&views[i], values[i]); err != nil {
			views[i] = cache.RemoteView{Generations: make([]string, len(names))}
		}
	}
	return views, nil
}

// lookup reads generations, which it makes where there are none, and what keys have.
func (t *Tier) lookup(ctx context.Context, keys, names []string) (generations []string, values []rueidis.RedisResult, err error) {
	generations = make([]string, len(names))
	results, err := t.do(ctx, t.cfg.LookupTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, 0, len(names)+len(keys))
		for _, name := range names {
			commands = append(commands, b.Get().Key(t.generationKey(name)).Build())
		}
		for _, key := range keys {
			commands = append(commands, b.Get().Key(t.valueKey(key)).Build())
		}
		return commands
	})
	if err != nil {
		return generations, nil, err
	}
	missing := false
	for i := range names {
		if generations[i], err = text(results[i]); err != nil {
			return generations, nil, err
		}
		missing = missing || generations[i] == ""
	}
	if missing && t.held() == nil {
		ttl := generationTTL
		if len(keys) == 0 {
			ttl = generationSlack
		}
		t.makeGenerations(ctx, names, generations, ttl)
	}
	return generations, results[len(names):], nil
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
func (t *Tier) makeGenerations(ctx context.Context, names, generations []string, ttl time.Duration) {
	results, err := t.do(ctx, t.cfg.LookupTimeout, func(b rueidis.Builder) []rueidis.Completed {
		var commands []rueidis.Completed
		for i, name := range names {
			if generations[i] == "" {
				commands = append(commands,
					eval(b, scriptMake, t.generationKey(name), rand.Text()[:versionLength], millis(ttl)))
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
