package diskcache

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// log is an open directory: its files and what is where. Reads may come at any time; what writes
// comes from one goroutine at a time.
type log struct {
	cfg    Config
	counts *counters
	lock   *os.File
	head   *head
	buf    []byte // of the writer

	mu sync.RWMutex // guards the fields below, and is not held while a file is read or written
	// segs are in the order of their numbers; records are written to the last.
	segs    []*segment
	index   map[uint64]place
	names   generations
	bytes   int64
	records int
}

// sealed is the record that ends a file.
var sealed = record{kind: kindSeal}

// overheadBytes are those of the files beside the log.
const overheadBytes = headSize

func hash(key string) uint64 { return xxhash.Sum64String(key) }

func (l *log) active() *segment { return l.segs[len(l.segs)-1] }

// find is the place of a key, if it has one; the record may yet be another key's.
func (l *log) find(key string) (place, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.index[hash(key)]
	return p, ok
}

// version is that of what a key has, "" for nothing.
func (l *log) version(key string) string {
	p, ok := l.find(key)
	if !ok {
		return ""
	}
	r, err := p.front()
	if err != nil || r.key != key || r.over(time.Now()) {
		return ""
	}
	return r.version
}

// over reports whether the time of a record is over.
func (r record) over(now time.Time) bool { return r.expires != 0 && now.UnixMilli() >= r.expires }

// note keeps what a record in a file says, with mu held.
func (l *log) note(r record, p place, now time.Time) {
	switch r.kind {
	case kindValue, kindMark:
		if r.over(now) {
			delete(l.index, hash(r.key))
			return
		}
		h := hash(r.key)
		l.index[h] = p
		p.seg.hashes = append(p.seg.hashes, h)
		l.records++
	case kindNothing:
		delete(l.index, hash(r.key))
	case kindGeneration:
		l.names.set(r.key, r.version, p.seg)
		p.seg.names = append(p.seg.names, r.key)
		l.records++
	}
}

// append writes records in their order, after the generations that were made since, and
// acknowledges them. A durable batch is synchronised. After an error nothing of the batch that
// was not yet acknowledged is kept, but the log may not be written any more.
func (l *log) append(records []record, durable bool) error {
	records = append(l.unwritten(), records...)
	b := batch{log: l, now: time.Now()}
	for _, r := range records {
		if err := b.room(r.size()); err != nil {
			return err
		}
		b.add(r)
	}
	if err := b.flush(); err != nil {
		return err
	}
	if durable {
		return l.sync()
	}
	return l.acknowledge()
}

// acknowledge writes how far the log goes.
func (l *log) acknowledge() error {
	a := l.active()
	return l.head.write(mark{a.number, a.size})
}

// sync has what was written survive a power cut.
func (l *log) sync() error {
	if err := l.active().file.Sync(); err != nil {
		return fmt.Errorf("synchronise: %w", err)
	}
	return l.acknowledge()
}

// batch is what is on its way to the last file.
type batch struct {
	*log
	now     time.Time
	records []record // without their values
	lengths []int
}

func (b *batch) add(r record) {
	b.buf = r.append(b.buf, b.active().number)
	b.lengths = append(b.lengths, r.size())
	r.value = nil
	b.records = append(b.records, r)
}

// room makes room for a record of so many bytes.
func (b *batch) room(size int) error {
	a, pending := b.active(), int64(len(b.buf))
	full := a.size+pending+int64(size+sealed.size()) > b.cfg.fileSize() ||
		a.records()+len(b.records) >= b.cfg.MaxEntries/files
	if full && a.size+pending > 0 {
		if err := b.flush(); err != nil {
			return err
		}
		if err := b.roll(); err != nil {
			return err
		}
		pending = 0
	}
	for len(b.segs) > 1 && (b.bytes+pending+int64(size+sealed.size())+overheadBytes > b.cfg.MaxBytes ||
		b.log.records+len(b.records) >= b.cfg.MaxEntries) {
		if err := b.dropOldest(); err != nil {
			return err
		}
	}
	return nil
}

// flush writes what was added.
func (b *batch) flush() error {
	a := b.active()
	if len(b.buf) > 0 {
		if _, err := a.file.WriteAt(b.buf, a.size); err != nil {
			return errors.Join(fmt.Errorf("write: %w", err), a.file.Truncate(a.size))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := a.size
	for i, r := range b.records {
		b.note(r, place{a, uint32(at), uint32(b.lengths[i])}, b.now)
		at += int64(b.lengths[i])
	}
	b.bytes += at - a.size
	a.size = at
	b.buf, b.records, b.lengths = b.buf[:0], b.records[:0], b.lengths[:0]
	if cap(b.buf) > 4<<20 {
		b.buf = nil
	}
	return nil
}

// roll ends the last file and begins another.
func (l *log) roll() error {
	a := l.active()
	seal := sealed.append(nil, a.number)
	if _, err := a.file.WriteAt(seal, a.size); err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), a.file.Truncate(a.size))
	}
	l.grow(a, int64(len(seal)))
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("synchronise: %w", err)
	}
	return l.begin(a.number + 1)
}

func (l *log) grow(s *segment, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.size += n
	l.bytes += n
}

// begin makes the file of that number the last.
func (l *log) begin(number uint64) error {
	s, err := createSegment(l.cfg.Dir, number)
	if err != nil {
		return fmt.Errorf("begin a file: %w", err)
	}
	l.mu.Lock()
	l.segs = append(l.segs, s)
	l.mu.Unlock()
	if err := syncDir(l.cfg.Dir); err != nil {
		return fmt.Errorf("begin a file: %w", err)
	}
	return l.acknowledge()
}

// dropOldest removes the oldest file, which is not the last. The generations in it that are in
// force are written again with the next batch.
func (l *log) dropOldest() error {
	l.mu.Lock()
	s := l.segs[0]
	dropped := 0
	for _, h := range s.hashes {
		if l.index[h].seg == s {
			delete(l.index, h)
			dropped++
		}
	}
	l.names.leave(s)
	l.segs = slices.Delete(l.segs, 0, 1)
	l.bytes -= s.size
	l.records -= s.records()
	l.mu.Unlock()
	l.counts.evicted.Add(uint64(dropped))
	if err := s.remove(l.cfg.Dir); err != nil {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// relieve removes the older half of the files, for room on the disk.
func (l *log) relieve() error {
	for n := len(l.segs) / 2; n > 0; n-- {
		if err := l.dropOldest(); err != nil {
			return err
		}
	}
	return nil
}

// wipe removes all files, and leaves the log unusable. The number of the next one stays known by
// the head, which stays.
func (l *log) wipe() error {
	l.mu.Lock()
	segs := l.segs
	l.segs, l.index, l.names, l.bytes, l.records = nil, nil, newGenerations(l.cfg), 0, 0
	l.mu.Unlock()
	var errs []error
	for _, s := range segs {
		errs = append(errs, s.remove(l.cfg.Dir))
	}
	return errors.Join(errs...)
}

// close synchronises what was written and lets go of the directory.
func (l *log) close() error {
	var errs []error
	if len(l.segs) > 0 {
		errs = append(errs, l.append(nil, true))
	}
	l.mu.RLock()
	for _, s := range l.segs {
		errs = append(errs, s.file.Close())
	}
	l.mu.RUnlock()
	return errors.Join(append(errs, l.head.close(), l.lock.Close())...)
}
