package cache

import (
	"hash/maphash"
	"strings"
	"unsafe"
)

// hasher makes the hash of a key, for all that wants one.
type hasher struct {
	seed maphash.Seed
	// fixed is in the place of that in tests whose figures are to be the same each time.
	fixed func(key string) uint64
}

func (h *hasher) hash(key string) uint64 {
	if h.fixed != nil {
		return h.fixed(key)
	}
	return maphash.String(h.seed, key)
}

// maxNearKey is how long a key may be to stand behind its entry. What is allocated together above
// that would not begin with a line of the processor's cache.
const maxNearKey = 336

// newKeyed is an entry with a copy of a key, which may be a piece of something long that must not
// stay in memory with it. The key stands behind the entry, so that who compares it has it at hand; one
// that is longer than maxNearKey is elsewhere, and a string that says where is behind the entry. The
// sizes are such that on a 64-bit machine the whole is some lines of the processor's cache.
func newKeyed(key string) *entry {
	var e *entry
	switch n := len(key); {
	case n <= 16:
		e = &new(struct {
			entry
			_ [16]byte
		}).entry
	case n <= 80:
		e = &new(struct {
			entry
			_ [80]byte
		}).entry
	case n <= 144:
		e = &new(struct {
			entry
			_ [144]byte
		}).entry
	case n <= 208:
		e = &new(struct {
			entry
			_ [208]byte
		}).entry
	case n <= 272:
		e = &new(struct {
			entry
			_ [272]byte
		}).entry
	case n <= maxNearKey:
		e = &new(struct {
			entry
			_ [maxNearKey]byte
		}).entry
	default:
		far := &struct {
			entry
			key string
		}{key: strings.Clone(key)}
		far.keyLen = uint32(len(key)) // at most MaxKeyBytes
		return &far.entry
	}
	e.keyLen = uint32(len(key))
	copy(unsafe.Slice((*byte)(e.behind()), len(key)), key) // #nosec G103 -- as long as was allocated
	return e
}

// behind is where the key is, or what says where.
func (e *entry) behind() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(e), unsafe.Sizeof(*e)) // #nosec G103 -- newKeyed allocates it with the entry
}

// key is that of the entry, and part of its memory.
func (e *entry) key() string {
	if e.keyLen <= maxNearKey {
		return unsafe.String((*byte)(e.behind()), e.keyLen) // #nosec G103 -- as long as newKeyed copied
	}
	return *(*string)(e.behind()) // #nosec G103 -- newKeyed put one there
}

// is reports whether the entry is that of a key.
func (e *entry) is(key string) bool {
	if uint64(e.keyLen) != uint64(len(key)) {
		return false
	}
	if len(key) > maxNearKey {
		return e.key() == key
	}
	return unsafe.String((*byte)(e.behind()), len(key)) == key // #nosec G103 -- as long as newKeyed copied
}
