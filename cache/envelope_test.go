package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
)

// coder is for tests outside of bubbles of synctest.
var coder packer

func sampleEnvelope(value []byte) *envelope {
	return &envelope{
		format: "json/1", created: time.UnixMilli(1_700_000_000_123), fresh: time.UnixMilli(1_700_000_060_123),
		stale: time.UnixMilli(1_700_000_090_123), expires: time.UnixMilli(1_700_000_120_123), price: 0.25,
		cost: 300, generation: "groupname", tags: []envelopeTag{{"corpus", "g1"}, {"", "g2"}}, value: value,
	}
}

func TestEnvelopeComesBack(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 20_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	values := [][]byte{{}, []byte("short"), bytes.Repeat([]byte("long "), 1000), bytes.Repeat([]byte("long "), 10_000), noise}
	for i, value := range values {
		want := sampleEnvelope(value)
		got, err := coder.open("c/k", "json/1", coder.seal(want, "c/k"), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(envelope{}, envelopeTag{})); diff != "" {
			t.Error(diff)
		}
		if how, want := coder.seal(want, "c/k")[1], []byte{packedPlain, packedPlain, packedS2, packedZstd, packedPlain}[i]; how != want {
			t.Errorf("%d bytes are packed by way %d, want %d", len(value), how, want)
		}
	}
	if n := len(coder.seal(sampleEnvelope(bytes.Repeat([]byte("long "), 10_000)), "k")); n > 5000 {
		t.Errorf("50,000 alike bytes take %d", n)
	}
}

// resum puts the right checksum under what was made wrong.
func resum(id string, body []byte) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(body), checksum(id, body))
}

func TestEnvelopeRefuses(t *testing.T) {
	t.Parallel()
	const id = "c/k"
	good := coder.seal(sampleEnvelope([]byte("value")), id)
	body := good[:len(good)-checksumBytes]
	bomb := sampleEnvelope(nil)
	header := coder.seal(bomb, id)
	header = header[:len(header)-checksumBytes-1] // without the length of nothing
	header[1] = packedS2
	packed := s2.Encode(nil, make([]byte, 1<<20))
	zheader, zpacked := bytes.Clone(header), coder.zstd().encoder.EncodeAll(make([]byte, 1<<20), nil)
	zheader[1] = packedZstd
	// A frame that does not say its size, with three blocks that each say one byte 128 Ki times.
	silent := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58}
	for i := range 3 {
		silent = append(silent, byte(2|i/2), 0x00, 0x10, 'x')
	}
	if all, err := coder.zstd().decoder.DecodeAll(silent, make([]byte, 0, 1<<20)); err != nil || len(all) != 3<<17 {
		t.Fatalf("the silent frame has %d bytes, %v", len(all), err)
	}
	length := func(header []byte, n uint64) []byte { return binary.AppendUvarint(bytes.Clone(header), n) }
	but := func(change func(e *envelope)) []byte {
		e := sampleEnvelope(nil)
		change(e)
		return coder.seal(e, id)
	}
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, errMalformed},
		{"another key's", coder.seal(sampleEnvelope([]byte("value")), "c/other"), errMalformed},
		{"one byte short", good[:len(good)-1], errMalformed},
		{"earlier version", resum(id, append([]byte{1}, body[1:]...)), errOtherFormat},
		{"later version", resum(id, append([]byte{9}, body[1:]...)), errOtherFormat},
		{"unknown packing", resum(id, append([]byte{envelopeVersion, 0x80}, body[2:]...)), errMalformed},
		{"fresh before it was made", but(func(e *envelope) { e.fresh = e.created.Add(-time.Second) }), errMalformed},
		{"fresher than stale", but(func(e *envelope) { e.stale = e.fresh.Add(-time.Second) }), errMalformed},
		{"over before it is stale", but(func(e *envelope) { e.expires = e.stale.Add(-time.Second) }), errMalformed},
		{"endless price", but(func(e *envelope) { e.price = math.Inf(1) }), errMalformed},
		{"no price", but(func(e *envelope) { e.price = math.NaN() }), errMalformed},
		{"negative price", but(func(e *envelope) { e.price = -1 }), errMalformed},
		{"cut value", resum(id, body[:len(body)-1]), errMalformed},
		{"cut header", resum(id, body[:12]), errMalformed},
		{"bomb that says so", resum(id, append(length(header, 1<<20), packed...)), errMalformed},
		{"bomb that does not", resum(id, append(length(header, 100), packed...)), errMalformed},
		{"zstd bomb that says so", resum(id, append(length(zheader, 1<<20), zpacked...)), errMalformed},
		{"zstd bomb that does not", resum(id, append(length(zheader, 100), zpacked...)), errMalformed},
		{"zstd bomb whose frame does not", resum(id, append(length(zheader, 1000), silent...)), errMalformed},
		{"zstd value that is short", resum(id, append(length(zheader, 900), coder.zstd().encoder.EncodeAll(make([]byte, 800), nil)...)), errMalformed},
		{"bomb by tags", resum(id, append(bytes.Clone(body[:9]), bytes.Repeat([]byte{0xff}, 40)...)), errMalformed},
		{"another format", but(func(e *envelope) { e.format = "json/2" }), errOtherFormat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if v, err := coder.open(id, "json/1", test.data, 1000); !errors.Is(err, test.want) {
				t.Errorf("got %+v, %v", v, err)
			}
		})
	}
	if _, err := coder.open(id, "json/1", good, 299); !errors.Is(err, errMalformed) {
		t.Errorf("what costs more than the cache may hold was opened: %v", err)
	}
}

// A bomb takes no more memory than a value may.
func TestEnvelopeAllocatesNoMoreThanAllowed(t *testing.T) {
	const id = "c/k"
	zeros := make([]byte, 16<<20)
	data := coder.seal(sampleEnvelope(zeros), id)
	lie := coder.seal(sampleEnvelope(nil), id) // of 16 MiB that are to be one
	lie = lie[:len(lie)-checksumBytes-1]
	lie[1] = packedZstd
	lie = resum(id, append(binary.AppendUvarint(lie, 1<<20), coder.zstd().encoder.EncodeAll(zeros, nil)...))
	for _, bomb := range [][]byte{data, lie} {
		if len(bomb) > 2<<20 {
			t.Fatalf("the bomb takes %d bytes", len(bomb))
		}
		before := allocated()
		if _, err := coder.open(id, "json/1", bomb, 1<<20); !errors.Is(err, errMalformed) {
			t.Errorf("it was opened: %v", err)
		}
		if n := allocated() - before; n > 4<<20 {
			t.Errorf("%d bytes allocated", n)
		}
	}
}

// allocated is the sum of what was ever allocated; tests that run by themselves can compare it.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func FuzzEnvelope(f *testing.F) {
	const id = "c/k"
	for _, value := range []string{"", "short", strings.Repeat("long ", 1000), strings.Repeat("long ", 10_000)} {
		data := coder.seal(sampleEnvelope([]byte(value)), id)
		f.Add(data[:len(data)-checksumBytes])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		data := resum(id, body) // or nothing would come past the checksum
		v, err := coder.open(id, "json/1", data, 1<<16)
		if err != nil {
			return
		}
		if len(v.value) > 1<<16 || v.cost > 1<<16 {
			t.Errorf("%d bytes of cost %d came out", len(v.value), v.cost)
		}
		again, err := coder.open(id, "json/1", coder.seal(v, id), 1<<16)
		if err != nil {
			t.Fatalf("what came out does not go in: %v", err)
		}
		if diff := cmp.Diff(v, again, cmp.AllowUnexported(envelope{}, envelopeTag{})); diff != "" {
			t.Error(diff)
		}
	})
}
