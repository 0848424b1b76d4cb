package diskcache

import (
	"time"

	"github.com/sentientcore/upshift/cache"
)

// applying makes operations records.
type applying struct {
	*log
	now time.Time
	// versions and generations are what the operations before have written.
	versions, generations map[string]string

	records []record
	// durable says that the records must survive a power cut.
	durable bool
}

// apply takes an operation. Its error is that of the operation.
func (a *applying) apply(op cache.RemoteOp) error {
	switch op.Kind {
	case cache.RemoteStore:
		if a.version(op.Key) != op.Since {
			return cache.ErrSuperseded
		}
		if r := a.value(op); a.fits(r) {
			a.put(r)
		}
	case cache.RemoteReplace:
		r := a.value(op)
		if !a.fits(r) {
			r = a.mark(op.Key) // the old one must go
		}
		a.put(r)
		a.durable = true
	case cache.RemoteForget:
		a.put(a.mark(op.Key))
		a.durable = true
	case cache.RemoteDiscard:
		if a.version(op.Key) == op.Since {
			a.put(record{kind: kindNothing, key: op.Key})
		}
	case cache.RemoteRenew:
		for _, name := range op.Names {
			a.generation(name, newToken())
		}
	case cache.RemoteAmend:
		name, token := op.Names[0], string(op.Value)
		if a.token(name) != op.Since || len(token) > maxVersion {
			return cache.ErrSuperseded
		}
		a.generation(name, token)
	case cache.RemoteRelease: // leases are for several processes
	}
	return nil
}

func (a *applying) put(r record) {
	a.versions[r.key] = r.version
	a.records = append(a.records, r)
}

func (a *applying) generation(name, token string) {
	a.generations[name] = token
	a.records = append(a.records, record{kind: kindGeneration, key: name, version: token})
	a.durable = true
}

func (a *applying) value(op cache.RemoteOp) record {
	return record{
		kind: kindValue, key: op.Key, version: op.Version, value: op.Value, expires: a.now.Add(op.TTL).UnixMilli(),
	}
}

func (a *applying) mark(key string) record {
	return record{kind: kindMark, key: key, version: newToken(), expires: a.now.Add(cache.RemoteMarkTTL).UnixMilli()}
}

// fits reports whether a record fits a file, and counts one that does not.
func (a *applying) fits(r record) bool {
	if int64(r.size()+sealed.size()) <= a.cfg.fileSize() && len(r.key) <= maxKey && len(r.version) <= maxVersion {
		return true
	}
	a.counts.rejected.Add(1)
	return false
}

// version is that of what a key will have; "" for nothing.
func (a *applying) version(key string) string {
	if v, ok := a.versions[key]; ok {
		return v
	}
	return a.log.version(key)
}

// token is the generation that a name will have; "" for none.
func (a *applying) token(name string) string {
	if token, ok := a.generations[name]; ok {
		return token
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.names.get(name)
}
