package rediscache

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

// holdFor is how long a server that refuses writes is spared those that would not be missed. What
// comes then finds out whether it still does.
const holdFor = time.Second

// refusesWrites reports whether a server says that it takes no writes at all now: it is full,
// a replica, or its disk or replicas fail it. Servers before Redis 7 say so within the error of a script.
func refusesWrites(err error) bool {
	var answer *rueidis.RedisError
	if !errors.As(err, &answer) {
		return false
	}
	text := answer.Error()
	for _, code := range []string{"OOM", "READONLY", "MISCONF", "NOREPLICAS"} {
		if strings.HasPrefix(text, code+" ") || strings.Contains(text, " -"+code+" ") {
			return true
		}
	}
	return false
}

// held is why writes are held back; nil when they are not.
func (t *Tier) held() error {
	if time.Now().UnixNano() >= t.heldUntil.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}

// holdBack leaves the stores out of ops; in their places are the ends of their leases, so that
// nobody waits for them.
func holdBack(ops []cache.RemoteOp, why error) (rest []cache.RemoteOp, at []int, errs []error) {
	errs = make([]error, len(ops))
	for i, op := range ops {
		if op.Kind == cache.RemoteStore {
			errs[i] = fmt.Errorf("held back: %w", why)
			if op.Lease == "" {
				continue
			}
			op = cache.RemoteOp{Kind: cache.RemoteRelease, Key: op.Key, Lease: op.Lease, Awaited: op.Awaited}
		}
		rest, at = append(rest, op), append(at, i)
	}
	return rest, at, errs
}
