package trace

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxAccesses bounds a trace.
const maxAccesses = 1 << 24

// Trace is a sequence of keys, numbered from 0 in the order of their first appearance.
type Trace struct {
	Name string
	Keys []uint32
	// Distinct is how many keys there are.
	Distinct int
}

// Read reads a trace from a gzipped file: "CTR1", the number of accesses, that of distinct keys,
// and for each access the signed difference to the key before, all as varints.
func Read(path string) (Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return Trace{}, err
	}
	defer func() { _ = f.Close() }() // only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return Trace{}, fmt.Errorf("%s: %w", path, err)
	}
	t, err := decode(bufio.NewReader(z))
	if err != nil {
		return Trace{}, fmt.Errorf("%s: %w", path, err)
	}
	t.Name, _, _ = strings.Cut(filepath.Base(path), ".")
	return t, nil
}

func decode(r *bufio.Reader) (Trace, error) {
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil {
		return Trace{}, err
	}
	if string(magic) != "CTR1" {
		return Trace{}, errors.New("not a CTR1 trace")
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return Trace{}, err
	}
	distinct, err := binary.ReadUvarint(r)
	if err != nil {
		return Trace{}, err
	}
	if n > maxAccesses || distinct > n {
		return Trace{}, fmt.Errorf("%d accesses of %d keys: at most %d, and no more keys", n, distinct, maxAccesses)
	}
	t := Trace{Distinct: int(distinct)}
	key := int64(0)
	for range n {
		step, err := binary.ReadVarint(r)
		if err != nil {
			return Trace{}, fmt.Errorf("access %d: %w", len(t.Keys), err)
		}
		if key += step; key < 0 || key >= int64(distinct) {
			return Trace{}, fmt.Errorf("access %d: key %d of %d", len(t.Keys), key, distinct)
		}
		t.Keys = append(t.Keys, uint32(key))
	}
	return t, nil
}

// First is the first n accesses of t.
func (t Trace) First(n int) Trace {
	if n >= len(t.Keys) {
		return t
	}
	return dense(t.Name, t.Keys[:n])
}

// dense numbers keys in the order of their first appearance.
func dense[K comparable](name string, keys []K) Trace {
	ids := map[K]uint32{}
	t := Trace{Name: name, Keys: make([]uint32, len(keys))}
	for i, k := range keys {
		id, ok := ids[k]
		if !ok {
			id = uint32(len(ids))
			ids[k] = id
		}
		t.Keys[i] = id
	}
	t.Distinct = len(ids)
	return t
}
