package diskcache

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	suffix = ".log"
	// window is how much of a file is read at a time; a front fits.
	window = 256 << 10
)

// segment is one file of the log. What it holds does not change, but for the last one, which
// grows.
type segment struct {
	number uint64
	file   *os.File
	// The log's mu guards these.
	size int64
	// hashes are those of the keys that have records in it, names those of its generations.
	hashes []uint64
	names  []string
}

func (s *segment) records() int { return len(s.hashes) + len(s.names) }

// place is where a record is.
type place struct {
	seg        *segment
	at, length uint32
}

// read reads the whole record of a place.
func (p place) read() (record, error) {
	data := make([]byte, p.length)
	if _, err := p.seg.file.ReadAt(data, int64(p.at)); err != nil {
		return record{}, err
	}
	return parse(data, p.seg.number)
}

// front reads the record of a place without its value.
func (p place) front() (record, error) {
	data := make([]byte, min(int(p.length), 512))
	if _, err := p.seg.file.ReadAt(data, int64(p.at)); err != nil {
		return record{}, err
	}
	n, _, err := lengths(data)
	if err != nil {
		return record{}, err
	}
	if n > len(data) {
		data = make([]byte, min(n, int(p.length)))
		if _, err := p.seg.file.ReadAt(data, int64(p.at)); err != nil {
			return record{}, err
		}
	}
	return parseFront(data[:min(n, len(data))], p.seg.number)
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d", number)+suffix)
}

// segmentNumber is the number in the name of a file; false when it is none of ours.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && len(digits) == 12 && n > 0
}

func createSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(segmentPath(dir, number), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &segment{number: number, file: f}, nil
}

// remove closes the file and removes it.
func (s *segment) remove(dir string) error {
	_ = s.file.Close() // nothing of it is wanted
	return os.Remove(segmentPath(dir, s.number))
}

// replay calls each with the records of a file in their order, without their values, and returns
// how far they are whole, and whether the file ends with a seal.
func replay(f io.ReaderAt, number uint64, size int64, each func(r record, at int64, length int)) (end int64, sealed bool, err error) {
	w := reader{file: f, size: size}
	for at := int64(0); at < size; {
		if sealed {
			return at, true, fmt.Errorf("%w: %d bytes behind the seal", errDamaged, size-at)
		}
		head, err := w.bytes(at, headBytes)
		if err != nil {
			return at, false, err
		}
		n, value, err := lengths(head)
		if err != nil {
			return at, false, err
		}
		front, err := w.bytes(at, n)
		if err != nil {
			return at, false, err
		}
		r, err := parseFront(front, number)
		if err != nil {
			return at, false, err
		}
		length := n + value
		if at+int64(length) > size {
			return at, false, fmt.Errorf("%w: ends in a value", errDamaged)
		}
		sealed = r.kind == kindSeal
		each(r, at, length)
		at += int64(length)
	}
	return size, sealed, nil
}

// reader reads a file by windows.
type reader struct {
	file io.ReaderAt
	size int64
	buf  []byte
	at   int64 // of buf
}

// bytes returns n bytes, no more than a window, that are valid until the next call.
func (r *reader) bytes(at int64, n int) ([]byte, error) {
	if at+int64(n) > r.size {
		return nil, fmt.Errorf("%w: ends in a head", errDamaged)
	}
	if at < r.at || at+int64(n) > r.at+int64(len(r.buf)) {
		length := min(window, r.size-at)
		if int64(cap(r.buf)) < length {
			r.buf = make([]byte, length)
		}
		r.buf, r.at = r.buf[:length], at
		if _, err := r.file.ReadAt(r.buf, at); err != nil {
			r.buf = nil
			return nil, fmt.Errorf("read a file of the log: %w", err)
		}
	}
	return r.buf[at-r.at : at-r.at+int64(n)], nil
}
