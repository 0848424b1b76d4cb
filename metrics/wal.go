package metrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	// walSegmentBytes is small so that the log is flushed often and damage is bounded.
	walSegmentBytes = 1 << 20
	// syncAfter bounds what a power failure can lose; see the package comment.
	syncAfter = 2 * time.Second

	// The log is written in pages of fragments, each with a header: kind and compression
	// (1 byte), length (2), CRC-32C (4).
	walPage           = 32 << 10
	walHeader         = 7
	fragmentKindMask  = 0x07
	fragmentFull      = 1
	fragmentMiddle    = 3
	fragmentLast      = 4
	rebuiltLog        = "wal.rebuilt.tmp"
	finishedLog       = "wal.rebuilt"
	maxSegmentsInARow = 1 << 20
)

// repairLog looks for damage in the write-ahead log of dir and, where there is any, writes
// a new log of all records that are intact. The database itself would cut the log at the
// first fault and drop what follows.
func repairLog(dir string, logger *slog.Logger, count *counters) error {
	wal := filepath.Join(dir, "wal")
	if err := finishRepair(dir, wal); err != nil {
		return err
	}
	files, gap, err := logFiles(wal)
	if err != nil || len(files) == 0 {
		return err
	}
	fault := gap
	for _, path := range files {
		damage, err := readSegment(path, func([]byte) error { return nil })
		if err != nil {
			return err
		}
		if fault == nil && damage != nil {
			fault = fmt.Errorf("%s: %w", filepath.Base(path), damage)
		}
	}
	if fault == nil {
		return nil
	}
	if err := rebuildLog(dir, files); err != nil {
		return fmt.Errorf("rebuild the log: %w", err)
	}
	setAside(logger, count, wal, fault)
	return finishRepair(dir, wal)
}

// finishRepair puts a finished new log in place, also one of a repair that was killed.
func finishRepair(dir, wal string) error {
	if err := os.RemoveAll(filepath.Join(dir, rebuiltLog)); err != nil {
		return err
	}
	finished := filepath.Join(dir, finishedLog)
	if _, err := os.Stat(finished); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if _, err := os.Stat(wal); err == nil {
		return os.RemoveAll(finished) // killed before the old one was set aside: start again
	}
	return os.Rename(finished, wal)
}

// logFiles returns the segments of the newest checkpoint and of the log, in the order in
// which they are replayed. gap tells of a segment that is missing.
func logFiles(wal string) (files []string, gap, err error) {
	checkpoint, covered, err := wlog.LastCheckpoint(wal)
	switch {
	case errors.Is(err, record.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		covered = -1
	case err != nil:
		return nil, nil, err
	default:
		files, gap, err = segmentsOf(checkpoint, -1)
		if err != nil {
			return nil, nil, err
		}
	}
	more, gapInLog, err := segmentsOf(wal, covered)
	if gap == nil {
		gap = gapInLog
	}
	return append(files, more...), gap, err
}

// segmentsOf returns the segments of dir with a number over after.
func segmentsOf(dir string, after int) (files []string, gap, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	last := -1
	for _, e := range entries { // sorted by name, and names have leading zeros
		n, err := strconv.Atoi(e.Name())
		if err != nil || e.IsDir() {
			continue
		}
		if last >= 0 && n != last+1 {
			gap = fmt.Errorf("segment %08d is missing", last+1)
		}
		last = n
		if n > after {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, gap, nil
}

// readSegment calls each for every intact record of a segment and returns the first damage.
// It goes on after damage with the next record that begins on a later page.
func readSegment(path string, each func(rec []byte) error) (damage, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if short := len(data) % walPage; short != 0 {
		data = append(data, make([]byte, walPage-short)...)
	}
	for len(data) > 0 {
		r := wlog.NewReader(bytes.NewReader(data))
		for r.Next() {
			if err := each(r.Record()); err != nil {
				return damage, err
			}
		}
		if r.Err() == nil {
			break
		}
		if damage == nil {
			damage = r.Err()
		}
		bad := max(r.Offset()-1, 0) / walPage // the page of the last byte read
		data = data[(bad+1)*walPage:]
		dropFragments(data)
	}
	return damage, nil
}

// dropFragments makes the rest of a record that began on an earlier page, which may go on
// over several, into records of their own, of zeros, which mean nothing: a reader must begin
// at the start of a page, and refuses a page that begins in the middle of a record.
func dropFragments(data []byte) {
	for off := 0; off+walHeader <= len(data); {
		kind := data[off] & fragmentKindMask
		size := int(binary.BigEndian.Uint16(data[off+1:]))
		end := off + walHeader + size
		if (kind != fragmentMiddle && kind != fragmentLast) || end > (off/walPage+1)*walPage {
			return
		}
		payload := data[off+walHeader : end]
		clear(payload)
		data[off] = fragmentFull
		binary.BigEndian.PutUint32(data[off+3:], crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
		if kind == fragmentLast {
			return
		}
		off = end
	}
}

// rebuildLog writes the intact records of files into a new log beside the old one.
func rebuildLog(dir string, files []string) (err error) {
	target := filepath.Join(dir, rebuiltLog)
	w, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, target, walSegmentBytes, compression.Snappy)
	if err != nil {
		return err
	}
	salvage := newSalvage()
	for _, path := range files {
		_, err := readSegment(path, func(rec []byte) error {
			if rec := salvage.keep(rec); len(rec) > 0 {
				return w.Log(rec)
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	if err := w.Close(); err != nil { // which flushes to the device
		return err
	}
	return os.Rename(target, filepath.Join(dir, finishedLog))
}

// salvage decides what of a record still has a meaning. A sample names its series by a
// number; where the record that explains the number is lost, the sample must go too, or
// it would be taken for one of the next series that gets the number.
type salvage struct {
	known   map[chunks.HeadSeriesRef]struct{}
	decoder record.Decoder
	encoder record.Encoder
	series  []record.RefSeries
	samples []record.RefSample
}

func newSalvage() *salvage {
	return &salvage{
		known:   map[chunks.HeadSeriesRef]struct{}{},
		decoder: record.NewDecoder(labels.NewSymbolTable(), slog.New(slog.DiscardHandler)),
	}
}

// keep returns the record, what is left of it, or nothing.
func (s *salvage) keep(rec []byte) []byte {
	switch s.decoder.Type(rec) {
	case record.Series:
		series, err := s.decoder.Series(rec, s.series[:0])
		if err != nil {
			return nil // a checksum that matches by chance
		}
		s.series = series
		for _, one := range series {
			s.known[one.Ref] = struct{}{}
		}
		return rec
	case record.Samples:
		samples, err := s.decoder.Samples(rec, s.samples[:0])
		if err != nil {
			return nil // as above
		}
		s.samples = samples
		left := slices.DeleteFunc(samples, func(one record.RefSample) bool {
			_, ok := s.known[one.Ref]
			return !ok
		})
		if len(left) == 0 {
			return nil
		}
		return s.encoder.Samples(left, nil)
	default: // this store writes no other kind that matters
		return nil
	}
}

// syncLog flushes the newest segment of the log to the device. Older ones were flushed
// when they were full.
func (s *Store) syncLog(now time.Time) error {
	files, err := os.ReadDir(s.walDir())
	if err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	newest := ""
	for _, f := range files {
		if !f.IsDir() && strings.Trim(f.Name(), "0123456789") == "" {
			newest = f.Name()
		}
	}
	if newest == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(s.walDir(), newest), os.O_RDWR, 0) //nolint:gosec // the name was read from this very directory
	if err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	s.count.lastSync.Store(now.UnixNano())
	return nil
}
