package rediscache

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

var _ cache.Leaser = (*Tier)(nil)

// A lease begins with one of these, which says whether somebody else asked for it meanwhile.
const (
	leaseHead  = "0"
	wantedHead = "1"
)

// The scripts on the lease of a key. What ends one tells in bit 1 whether it was wanted.
const (
	// scriptLease gives a lease, unless the key has another version (1) or another holds it (2).
	scriptLease = `if redis.call('GETRANGE', KEYS[1], 0, 16) ~= ARGV[1] then return {1} end ` +
		`local held, head = redis.call('GET', KEYS[2]), '` + leaseHead + `' ` +
		`if held then ` +
		`head = '` + wantedHead + `' ` +
		`if string.sub(held, 2) ~= ARGV[3] then redis.call('SETRANGE', KEYS[2], 0, head) ` +
		`return {2, string.sub(held, 2), redis.call('PTTL', KEYS[2])} end ` +
		`end ` +
		`redis.call('SET', KEYS[2], head .. ARGV[2], 'PX', ARGV[4]) return {0}`
	endLease = `local held, wanted = redis.call('GET', KEYS[1]), 0 ` +
		`if not held or string.sub(held, 2) ~= ARGV[1] then return 0 end ` +
		`if string.sub(held, 1, 1) == '` + wantedHead + `' then wanted = 2 end ` +
		`redis.call('UNLINK', KEYS[1]) `
	scriptRelease     = endLease + `return wanted`
	scriptStoreLeased = endLease +
		`if redis.call('GETRANGE', KEYS[2], 0, 16) ~= ARGV[2] then return wanted end ` +
		`redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) return 1 + wanted`
	scriptRenew = `local held = redis.call('GET', KEYS[1]) ` +
		`if held and string.sub(held, 2) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 1`
)

// Bits of what a script that ends a lease returns.
const (
	leaseStored = 1 << iota
	leaseWanted
)

func (t *Tier) leaseKey(key string) string { return t.cfg.Prefix + ":" + layout + ":l:{" + key + "}" }

// Lease implements [cache.Leaser].
func (t *Tier) Lease(ctx context.Context, ask cache.RemoteLease) (cache.RemoteHolder, error) {
	if t.held() != nil {
		return cache.RemoteHolder{}, cache.ErrRemoteUnavailable
	}
	results, err := t.do(ctx, t.cfg.LookupTimeout, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{
			b.Eval().Script(scriptLease).Numkeys(2).Key(t.valueKey(ask.Key), t.leaseKey(ask.Key)).
				Arg(ask.Since, ask.Lease, ask.Over, millis(ask.TTL)).Build(),
		}
	})
	if err != nil {
		return cache.RemoteHolder{}, err
	}
	reply, err := results[0].ToArray()
	if err != nil {
		t.setRefused(err)
		return cache.RemoteHolder{}, err
	}
	return holder(ask, reply)
}

// holder reads what scriptLease returns.
func holder(ask cache.RemoteLease, reply []rueidis.RedisMessage) (cache.RemoteHolder, error) {
	var none cache.RemoteHolder
	if len(reply) == 0 {
		return none, errors.New("empty reply to a lease")
	}
	switch outcome, err := reply[0].AsInt64(); {
	case err != nil:
		return none, err
	case outcome == 0:
		return cache.RemoteHolder{Lease: ask.Lease, Left: ask.TTL}, nil
	case outcome == 1:
		return none, nil
	case len(reply) < 3:
		return none, errors.New("short reply to a lease")
	}
	lease, err := reply[1].ToString()
	if err != nil {
		return none, err
	}
	left, err := reply[2].AsInt64()
	return cache.RemoteHolder{Lease: lease, Left: max(time.Duration(left)*time.Millisecond, 0)}, err
}

// Renew implements [cache.Leaser].
func (t *Tier) Renew(ctx context.Context, leases []cache.RemoteLease, ttl time.Duration) error {
	results, err := t.do(ctx, t.cfg.ApplyTimeout, func(b rueidis.Builder) []rueidis.Completed {
		commands := make([]rueidis.Completed, len(leases))
		for i, l := range leases {
			commands[i] = eval(b, scriptRenew, t.leaseKey(l.Key), l.Lease, millis(ttl))
		}
		return commands
	})
	for _, r := range results {
		err = errors.Join(err, r.Error())
	}
	return err
}
