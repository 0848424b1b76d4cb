package diskcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

const (
	headName  = "head"
	headMagic = "upshift cache 1\n"
	slotBytes = 48
	headSize  = 2 * slotBytes
)

// head is a small file that says how far the log was acknowledged: what is damaged before is
// damage, what is torn behind it was never promised. It has two places that are written in
// turn, so that one is always whole.
type head struct {
	file *os.File
	seq  uint64
}

// mark is a place in the log.
type mark struct {
	number uint64 // of the file
	length int64
}

// openHead opens or makes the file of a directory. known is false where it says nothing.
func openHead(dir string) (h *head, at mark, known bool, err error) {
	f, err := os.OpenFile(filepath.Join(dir, headName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, mark{}, false, err
	}
	h = &head{file: f}
	data := make([]byte, headSize)
	n, _ := f.ReadAt(data, 0) // what is missing or unreadable says nothing
	for slot := data[:n]; len(slot) >= slotBytes; slot = slot[slotBytes:] {
		body, sum := slot[:slotBytes-8], binary.LittleEndian.Uint64(slot[slotBytes-8:])
		seq := binary.LittleEndian.Uint64(body[len(headMagic):])
		if string(body[:len(headMagic)]) != headMagic || xxhash.Sum64(body) != sum || seq < h.seq {
			continue
		}
		known, h.seq = true, seq
		at = mark{
			binary.LittleEndian.Uint64(body[len(headMagic)+8:]), int64(binary.LittleEndian.Uint64(body[len(headMagic)+16:])),
		}
	}
	return h, at, known, nil
}

// write acknowledges the log up to a place.
func (h *head) write(at mark) error {
	h.seq++
	body := make([]byte, 0, slotBytes)
	body = append(body, headMagic...)
	body = binary.LittleEndian.AppendUint64(body, h.seq)
	body = binary.LittleEndian.AppendUint64(body, at.number)
	body = binary.LittleEndian.AppendUint64(body, uint64(at.length))
	body = binary.LittleEndian.AppendUint64(body, xxhash.Sum64(body))
	if _, err := h.file.WriteAt(body, int64(h.seq%2)*slotBytes); err != nil {
		return fmt.Errorf("write %s: %w", headName, err)
	}
	return nil
}

func (h *head) close() error { return errors.Join(h.file.Sync(), h.file.Close()) }

// syncDir makes new and removed names of a directory survive a power cut. Where the system
// cannot, the names of files tell of a gap.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
