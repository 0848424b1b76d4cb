package diskcache

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const lockName = "lock"

var errInUse = errors.New("another process uses the directory; give each its own")

// open opens the directory of a configuration, empty when fresh says so, and reads what is
// there. What cannot be trusted is removed and named in the log.
func open(cfg Config, counts *counters, logger *slog.Logger, fresh bool) (_ *log, err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory: %w", err)
	}
	l := &log{cfg: cfg, counts: counts, index: map[uint64]place{}, names: newGenerations(cfg)}
	if l.lock, err = os.OpenFile(filepath.Join(cfg.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	defer func() {
		if err != nil {
			l.abandon()
		}
	}()
	if err := lock(l.lock); err != nil {
		return nil, fmt.Errorf("lock the directory: %w", err)
	}
	var to mark
	var known bool
	if l.head, to, known, err = openHead(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open %s: %w", headName, err)
	}
	numbers, err := listSegments(cfg.Dir)
	if err != nil {
		return nil, err
	}
	o := opening{log: l, to: to, logger: logger}
	if len(numbers) > 0 {
		o.highest = numbers[len(numbers)-1]
	}
	if fresh || !known && len(numbers) > 0 {
		o.distrust(numbers, "the file head does not tell how far it goes", fresh)
		numbers = nil
	}
	if err := o.readAll(numbers); err != nil {
		return nil, err
	}
	return l, o.finish()
}

// abandon closes what an opening that failed has opened.
func (l *log) abandon() {
	for _, s := range l.segs {
		_ = s.file.Close() // the first error says why
	}
	if l.head != nil {
		_ = l.head.file.Close() // likewise
	}
	_ = l.lock.Close() // likewise
}

func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		if n, ok := segmentNumber(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// opening reads the files of a log.
type opening struct {
	*log
	// to is how far the log was acknowledged, highest the number of its last file.
	to      mark
	highest uint64
	logger  *slog.Logger
	errs    []error
	// ended says that the last file has its seal.
	ended bool
}

// readAll reads the files, the oldest first. Behind damage all is forgotten that is older.
func (o *opening) readAll(numbers []uint64) error {
	o.index = make(map[uint64]place, o.expected(numbers))
	last := uint64(0)
	for i, n := range numbers {
		if i > 0 && n != numbers[i-1]+1 {
			o.forget(segmentPath(o.cfg.Dir, n-1) + " is missing")
		}
		reason, err := o.readOne(n, i == len(numbers)-1)
		if err != nil {
			return err
		}
		if reason != "" {
			o.forget(reason)
		}
		last = n
	}
	if last < o.to.number && len(o.segs) > 0 {
		o.forget(segmentPath(o.cfg.Dir, o.to.number) + " is missing")
	}
	return errors.Join(o.errs...)
}

// expected is about how many entries the files have, if these are not small, to grow the index
// once.
func (o *opening) expected(numbers []uint64) int {
	const ordinary = 512 // bytes of a record
	bytes := int64(0)
	for _, n := range numbers {
		if info, err := os.Stat(segmentPath(o.cfg.Dir, n)); err == nil { // readOne says what is wrong
			bytes += info.Size()
		}
	}
	return int(min(bytes/ordinary, int64(o.cfg.MaxEntries)))
}

// readOne reads one file and says what is damaged in it. A file that cannot be read is damaged.
func (o *opening) readOne(number uint64, last bool) (damage string, err error) {
	path := segmentPath(o.cfg.Dir, number)
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("open a file: %w", err) // it could not be removed or written either
	}
	s := &segment{number: number, file: f}
	o.segs = append(o.segs, s)
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("open a file: %w", err)
	}
	now := time.Now()
	end, isSealed, err := replay(f, number, info.Size(), func(r record, at int64, length int) {
		o.note(r, place{s, uint32(at), uint32(length)}, now)
	})
	s.size, o.ended = end, isSealed
	o.bytes += end
	acknowledged := int64(0)
	if o.to.number == number {
		acknowledged = o.to.length
	}
	switch {
	case end < acknowledged && err == nil:
		return fmt.Sprintf("%s ends at %d, %d were acknowledged", path, end, acknowledged), nil
	case err != nil && (end < acknowledged || !last || isSealed || number < o.to.number):
		return fmt.Sprintf("%s at %d: %v", path, end, err), nil
	case err == nil && !last && !isSealed:
		return path + " has no end", nil
	case err != nil:
		o.logger.Info("end of the cache on disk was torn", "file", path, "at", end, "bytes", info.Size()-end)
		return "", f.Truncate(end)
	}
	return "", nil
}

// forget removes all that was read so far.
func (o *opening) forget(reason string) {
	numbers := make([]uint64, 0, len(o.segs))
	for _, s := range o.segs {
		_ = s.file.Close() // nothing of it is wanted
		numbers = append(numbers, s.number)
	}
	o.segs, o.index, o.names, o.bytes, o.records = nil, map[uint64]place{}, newGenerations(o.cfg), 0, 0
	o.distrust(numbers, reason, false)
}

// distrust removes files; meant says that this is no damage.
func (o *opening) distrust(numbers []uint64, reason string, meant bool) {
	if !meant {
		o.counts.damaged.Add(1)
		o.logger.Warn("cache on disk is damaged; what is older is forgotten", "err", reason, "files", len(numbers))
	}
	for _, n := range numbers {
		if err := os.Remove(segmentPath(o.cfg.Dir, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.errs = append(o.errs, fmt.Errorf("remove a file: %w", err))
		}
	}
}

// finish has a file to write to, and the bound hold should it be smaller than before.
func (o *opening) finish() error {
	if err := errors.Join(o.errs...); err != nil {
		return err
	}
	if len(o.segs) == 0 || o.ended {
		if err := o.begin(max(o.to.number, o.highest) + 1); err != nil {
			return err
		}
	}
	for len(o.segs) > 1 && (o.bytes+overheadBytes > o.cfg.MaxBytes || o.records > o.cfg.MaxEntries) {
		if err := o.dropOldest(); err != nil {
			return err
		}
	}
	return o.acknowledge()
}
