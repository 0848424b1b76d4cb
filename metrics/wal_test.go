package metrics

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// writeLog writes records into one segment, not compressed, and returns its path.
func writeLog(t *testing.T, records ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	w, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, dir, walSegmentBytes, compression.None)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Log(records...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "00000000")
}

// noise is a record of a size that begins with a letter.
func noise(letter byte, size int) []byte {
	rng := rand.New(rand.NewPCG(uint64(letter), 1))
	rec := make([]byte, size)
	for i := range rec {
		rec[i] = byte(rng.IntN(255) + 1)
	}
	rec[0] = letter
	return rec
}

// A record that begins on a damaged page and ends on a later one takes what follows on that
// page with it, unless its rest is stepped over.
func TestRecordsBehindDamageAreRead(t *testing.T) {
	t.Parallel()
	records := [][]byte{
		noise('a', 1000), noise('b', 20_000), noise('c', 60_000), // c ends on the third page
		noise('d', 100), noise('e', 100), noise('f', 40_000), noise('g', 100),
	}
	for _, tt := range []struct {
		name string
		at   int // the damaged byte
		want string
	}{
		{"none", -1, "abcdefg"},
		{"in the record that goes on", 25_000, "abdefg"},
		{"in the middle of a record", walPage + 100, "abdefg"},
		{"at the end of a record", 2*walPage + 100, "abg"}, // d and e lie on the damaged page
		{"in the first record", 500, "defg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeLog(t, records...)
			if tt.at >= 0 {
				change(t, path, flip(tt.at))
			}
			got := ""
			damage, err := readSegment(path, func(rec []byte) error {
				if !bytes.Equal(rec, bytes.Repeat([]byte{0}, len(rec))) { // zeros stand for what was stepped over
					got += string(rec[:1])
					if want := noise(rec[0], len(rec)); !bytes.Equal(rec, want) {
						t.Errorf("record %c is not what was written", rec[0])
					}
				}
				return nil
			})
			if err != nil || (damage != nil) != (tt.at >= 0) {
				t.Errorf("damage %v, error %v", damage, err)
			}
			if got != tt.want {
				t.Errorf("records %q are read, want %q", got, tt.want)
			}
		})
	}
	if _, err := readSegment(filepath.Join(t.TempDir(), "nobody"), nil); !os.IsNotExist(err) {
		t.Errorf("a missing segment: %v", err)
	}
}

// A sample goes with the record that explains its number: the number will be another
// series'.
func TestSalvageDropsSamplesOfUnknownSeries(t *testing.T) {
	t.Parallel()
	var e record.Encoder
	series := e.Series([]record.RefSeries{{Ref: 1, Labels: labels.FromStrings("__name__", "a")}}, nil)
	samples := func(refs ...chunks.HeadSeriesRef) []byte {
		var list []record.RefSample
		for _, ref := range refs {
			list = append(list, record.RefSample{Ref: ref, T: 1000, V: float64(ref)})
		}
		return e.Samples(list, nil)
	}
	s := newSalvage()
	if got := s.keep(samples(1)); got != nil {
		t.Errorf("samples before their series are kept: %v", got)
	}
	if got := s.keep(series); !bytes.Equal(got, series) {
		t.Errorf("the series is not kept as it is: %v", got)
	}
	got, err := s.decoder.Samples(s.keep(samples(1, 2)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]record.RefSample{{Ref: 1, T: 1000, V: 1}}, got); diff != "" {
		t.Errorf("of a known and an unknown series: %s", diff)
	}
	if got := s.keep(samples(2, 3)); got != nil {
		t.Errorf("samples of unknown series are kept: %v", got)
	}
	for _, rec := range [][]byte{nil, {0}, {byte(record.Series), 1, 2}, {byte(record.Samples), 1}, {byte(record.Tombstones)}} {
		if got := s.keep(rec); got != nil {
			t.Errorf("keep(%v) = %v, want nothing", rec, got)
		}
	}
}
