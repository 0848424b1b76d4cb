package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"
)

const (
	envelopeVersion = 2

	// maxEnvelopeTags bounds the tags of a value in the second tier.
	maxEnvelopeTags = 1 << 10
	maxFormat       = 64
	checksumBytes   = 8
)

var (
	errMalformed   = errors.New("cache: malformed value in the second tier")
	errOtherFormat = errors.New("cache: value of another format in the second tier")
)

// envelope is a value as the second tier has it:
//
//	version, way of packing, format, created, end of the time to live, end of what may be served while
//	another is loaded, end of what may be served when that fails, cost, price, nanoseconds of the
//	load, generation of the cache, count of tags, each with its generation, length of the value, the
//	value, checksum
//
// Numbers are uvarints, strings have their length before them. The checksum covers the key, so
// that bytes that came under another key are no value. It guards against damage, not against
// somebody who can write there.
type envelope struct {
	format string
	// The moments are to the millisecond and in order.
	created, fresh, stale, expires time.Time
	cost                           int64
	// price is what the value cost to make, in a unit of the cache; zero: not known.
	price      float64
	took       time.Duration // of the load; zero: not known
	generation string
	tags       []envelopeTag
	value      []byte
}

type envelopeTag struct{ name, generation string }

// seal writes an envelope for the place id, which is the cache and the key.
func (p *packer) seal(v *envelope, id string) []byte {
	how, body := p.pack(v.value)
	out := make([]byte, 0, len(body)+128)
	out = append(out, envelopeVersion, how)
	out = appendText(out, v.format)
	for _, at := range []time.Time{v.created, v.fresh, v.stale, v.expires} {
		out = binary.AppendUvarint(out, uint64(max(0, at.UnixMilli())))
	}
	out = binary.AppendUvarint(out, uint64(v.cost))
	out = binary.AppendUvarint(out, math.Float64bits(v.price))
	out = binary.AppendUvarint(out, uint64(max(0, v.took)))
	out = appendText(out, v.generation)
	out = binary.AppendUvarint(out, uint64(len(v.tags)))
	for _, t := range v.tags {
		out = appendText(appendText(out, t.name), t.generation)
	}
	out = binary.AppendUvarint(out, uint64(len(v.value)))
	out = append(out, body...)
	return binary.BigEndian.AppendUint64(out, checksum(id, out))
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func checksum(id string, data []byte) uint64 {
	d := xxhash.New()
	_, _ = d.WriteString(id) // a hash does not fail
	_, _ = d.Write(data)
	return d.Sum64()
}

// open reads an envelope. A value of more than maxBytes is malformed, and no more than that is
// allocated for it. Nothing of data is kept.
func (p *packer) open(id, format string, data []byte, maxBytes int64) (*envelope, error) {
	if len(data) < checksumBytes {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, len(data))
	}
	body, sum := data[:len(data)-checksumBytes], data[len(data)-checksumBytes:]
	if checksum(id, body) != binary.BigEndian.Uint64(sum) {
		return nil, fmt.Errorf("%w: checksum", errMalformed)
	}
	r := reader{rest: body}
	if version := r.byte(); version != envelopeVersion {
		return nil, fmt.Errorf("%w: version %d", errOtherFormat, version)
	}
	how := r.byte()
	v := &envelope{format: r.text(maxFormat)}
	v.created, v.fresh, v.stale, v.expires = r.time(), r.time(), r.time(), r.time()
	v.cost = int64(min(r.number(), 1<<63-1))
	v.price = math.Float64frombits(r.number())
	v.took = time.Duration(min(r.number(), math.MaxInt64))
	v.generation = r.text(maxFormat)
	tags := r.number()
	if tags > maxEnvelopeTags {
		return nil, fmt.Errorf("%w: %d tags", errMalformed, tags)
	}
	for range tags {
		v.tags = append(v.tags, envelopeTag{r.text(MaxKeyBytes), r.text(maxFormat)})
	}
	size := r.number()
	switch {
	case r.bad:
		return nil, fmt.Errorf("%w: truncated", errMalformed)
	case v.fresh.Before(v.created) || v.stale.Before(v.fresh) || v.expires.Before(v.stale):
		return nil, fmt.Errorf("%w: times out of order", errMalformed)
	case !validPrice(v.price):
		return nil, fmt.Errorf("%w: price %v", errMalformed, v.price)
	case v.format != format:
		return nil, errOtherFormat
	case v.cost > maxBytes || size > uint64(maxBytes):
		return nil, fmt.Errorf("%w: %d bytes, %d at most", errMalformed, max(size, uint64(v.cost)), maxBytes)
	}
	var err error
	v.value, err = p.unpack(how, r.rest, int(size))
	return v, err
}

// reader reads what an envelope is made of; once it was bad it stays so.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text(longest int) string {
	n := r.number()
	if n > uint64(len(r.rest)) || n > uint64(longest) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// time reads a moment; what is beyond the year 9999 is bad.
func (r *reader) time() time.Time {
	const latest = 253402300799999
	ms := r.number()
	if ms > latest {
		r.bad, ms = true, 0
	}
	return time.UnixMilli(int64(ms))
}
