package advise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
)

// relationFile is the file of a table or index in the sandbox, while its server is down.
type relationFile struct {
	path  string
	pages int64
	// height of a B-tree above its leaves; -1 for what is none.
	height int
}

const segmentPages = 1 << 17 // a file has a gigabyte, the next part is in the next file

// write gives the file its size, by a hole that takes no room, and a B-tree its height: the pages from the
// root down to one empty leaf, so that a search finds nothing in the way that it would in a real one.
func (f relationFile) write() error {
	if f.height >= 0 && f.pages > int64(f.height)+2 {
		if err := f.plant(); err != nil {
			return err
		}
	}
	for part, left := 0, f.pages; left > 0; part, left = part+1, left-segmentPages {
		path := f.path
		if part > 0 {
			path = fmt.Sprintf("%s.%d", f.path, part)
		}
		if err := f.stretch(path, min(left, segmentPages)*pageBytes); err != nil {
			return err
		}
	}
	return nil
}

// stretch makes a file at least so large; its owner is that of the first part.
func (f relationFile) stretch(path string, size int64) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := sameOwner(path, f.path); err != nil {
			return err
		}
	}
	if have, err := os.Stat(path); err != nil || have.Size() >= size {
		return err
	}
	return os.Truncate(path, size)
}

// Offsets in a page of a B-tree, and in its first page (access/nbtree.h, storage/bufpage.h).
const (
	metaRoot, metaLevel         = pageHeader + 8, pageHeader + 12
	metaFastRoot, metaFastLevel = pageHeader + 16, pageHeader + 20
	pageVersion                 = pageBytes | 4
	flagLeaf, flagRoot          = 1, 2
	pivotTuple                  = 0x2000 | tupleHeader
)

func (f relationFile) plant() (err error) {
	file, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	meta := make([]byte, pageBytes)
	if _, err := file.ReadAt(meta, 0); err != nil {
		return fmt.Errorf("read the first page of %s: %w", f.path, err)
	}
	order := binary.LittleEndian
	for _, at := range []int{metaRoot, metaFastRoot} {
		order.PutUint32(meta[at:], 1)
	}
	for _, at := range []int{metaLevel, metaFastLevel} {
		order.PutUint32(meta[at:], uint32(f.height))
	}
	pages := meta
	for level := f.height; level >= 0; level-- {
		pages = append(pages, treePage(level, f.height)...)
	}
	_, err = file.WriteAt(pages, 0)
	return err
}

// treePage is a page of one level, the only one on it. It leads to the next page of the file, by an entry that
// is less than any key.
func treePage(level, height int) []byte {
	page := make([]byte, pageBytes)
	order := binary.LittleEndian
	special := pageBytes - pageSpecial
	lower, upper := pageHeader, special
	flags := 0
	if level == 0 {
		flags |= flagLeaf
	} else {
		upper -= tupleHeader
		child := uint32(height-level) + 2
		order.PutUint16(page[upper:], uint16(child>>16))
		order.PutUint16(page[upper+2:], uint16(child&math.MaxUint16))
		order.PutUint16(page[upper+6:], pivotTuple)
		order.PutUint32(page[lower:], uint32(upper)|1<<15|tupleHeader<<17) // offset, in use, length
		lower += linePointer
	}
	if level == height {
		flags |= flagRoot
	}
	order.PutUint16(page[12:], uint16(lower))
	order.PutUint16(page[14:], uint16(upper))
	order.PutUint16(page[16:], uint16(special))
	order.PutUint16(page[18:], pageVersion)
	order.PutUint32(page[special+8:], uint32(level))
	order.PutUint16(page[special+12:], uint16(flags))
	return page
}

// guessedHeight is that of a B-tree with keys of usual size.
func guessedHeight(pages int64) int {
	const fanout = 280
	height := 0
	for level := pages; level > 1; level = (level + fanout - 1) / fanout {
		height++
	}
	return height
}
