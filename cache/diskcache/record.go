package diskcache

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// The kinds of record.
const (
	kindValue      = 'v' // a key has a value
	kindMark       = 'm' // a key was removed
	kindNothing    = 'n' // a key has neither
	kindGeneration = 'g' // a name has the generation that is its value
	kindSeal       = 's' // nothing follows in this file
)

const (
	headBytes  = 40
	maxKey     = 1 << 17
	maxVersion = 8 << 10
)

var errDamaged = errors.New("damaged record")

// record is one entry of the log:
//
//	0  checksum of all that follows up to the value, and of the number of the file
//	8  kind, 9 a zero byte, 10 length of the version
//	12 length of the key, 16 length of the value, 20 four zero bytes
//	24 when it expires, in milliseconds since 1970; 0: never
//	32 checksum of the value
//	40 key, version, value
//
// Numbers are little-endian.
type record struct {
	kind    byte
	key     string
	version string
	expires int64
	value   []byte
}

func (r record) size() int { return headBytes + len(r.key) + len(r.version) + len(r.value) }

// append appends the record to out, for the file of that number.
func (r record) append(out []byte, file uint64) []byte {
	at := len(out)
	out = append(out, make([]byte, headBytes)...)
	h := out[at:]
	h[8] = r.kind
	binary.LittleEndian.PutUint16(h[10:], uint16(len(r.version)))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(r.key)))
	binary.LittleEndian.PutUint32(h[16:], uint32(len(r.value)))
	binary.LittleEndian.PutUint64(h[24:], uint64(r.expires))
	binary.LittleEndian.PutUint64(h[32:], xxhash.Sum64(r.value))
	out = append(append(out, r.key...), r.version...)
	binary.LittleEndian.PutUint64(out[at:], headSum(out[at+8:], file))
	return append(out, r.value...)
}

// headSum is the checksum of a head without its first eight bytes, of key and version.
func headSum(head []byte, file uint64) uint64 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], file)
	d := xxhash.New()
	_, _ = d.Write(number[:]) // a hash does not fail
	_, _ = d.Write(head)
	return d.Sum64()
}

// lengths are those that a head of headBytes tells: up to the value, and of the value. They are
// not checked, but bounded.
func lengths(head []byte) (front, value int, err error) {
	key, version := binary.LittleEndian.Uint32(head[12:]), int(binary.LittleEndian.Uint16(head[10:]))
	if key > maxKey || version > maxVersion {
		return 0, 0, fmt.Errorf("%w: key of %d bytes, version of %d", errDamaged, key, version)
	}
	return headBytes + int(key) + version, int(binary.LittleEndian.Uint32(head[16:])), nil
}

// parseFront reads a record up to its value, from exactly those bytes.
func parseFront(front []byte, file uint64) (record, error) {
	if binary.LittleEndian.Uint64(front) != headSum(front[8:], file) {
		return record{}, fmt.Errorf("%w: checksum of the head", errDamaged)
	}
	version := int(binary.LittleEndian.Uint16(front[10:]))
	return record{
		kind: front[8], expires: int64(binary.LittleEndian.Uint64(front[24:])),
		key: string(front[headBytes : len(front)-version]), version: string(front[len(front)-version:]),
	}, nil
}

// parse reads a whole record. Its value is a part of data.
func parse(data []byte, file uint64) (record, error) {
	if len(data) < headBytes {
		return record{}, fmt.Errorf("%w: %d bytes", errDamaged, len(data))
	}
	front, value, err := lengths(data)
	if err != nil {
		return record{}, err
	}
	if front+value != len(data) {
		return record{}, fmt.Errorf("%w: %d bytes of %d", errDamaged, len(data), front+value)
	}
	r, err := parseFront(data[:front], file)
	if err != nil {
		return record{}, err
	}
	r.value = data[front:]
	if binary.LittleEndian.Uint64(data[32:]) != xxhash.Sum64(r.value) {
		return record{}, fmt.Errorf("%w: checksum of the value", errDamaged)
	}
	return r, nil
}
