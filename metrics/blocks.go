package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// graceBeforeRemoval is how long, by the monotonic clock, a block must have been too old
// before it is removed: a clock that is wrong for a while must not remove the history.
const graceBeforeRemoval = time.Hour

// sweepEvery bounds how often all blocks are read because of failing queries.
const sweepEvery = time.Minute

// retention chooses the blocks to remove.
type retention struct {
	config *atomic.Pointer[Config]

	mu    sync.Mutex // guards since
	since map[ulid.ULID]time.Time
}

func newRetention(cfg *atomic.Pointer[Config]) *retention {
	return &retention{config: cfg, since: map[ulid.ULID]time.Time{}}
}

// choose is called by the database with all its blocks, after each change of them and
// every minute.
func (r *retention) choose(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
	return r.chooseAt(blocks, time.Now())
}

func (r *retention) chooseAt(blocks []*tsdb.Block, now time.Time) map[ulid.ULID]struct{} {
	cfg := r.config.Load()
	blocks = slices.SortedFunc(slices.Values(blocks), func(a, b *tsdb.Block) int {
		return cmp.Compare(b.Meta().MaxTime, a.Meta().MaxTime) // newest first
	})
	remove := map[ulid.ULID]struct{}{}
	tooOld := map[ulid.ULID]time.Time{}
	var size int64
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, b := range blocks {
		id := b.Meta().ULID
		size += b.Size()
		switch {
		case b.Meta().Compaction.Deletable:
			remove[id] = struct{}{}
		case i > 0 && size > cfg.RetentionBytes:
			remove[id] = struct{}{}
		case blocks[0].Meta().MaxTime-b.Meta().MaxTime > cfg.retention().Milliseconds():
			first, ok := r.since[id]
			if !ok {
				first = now
			}
			tooOld[id] = first
			if now.Sub(first) >= graceBeforeRemoval {
				remove[id] = struct{}{}
			}
		}
	}
	r.since = tooOld
	return remove
}

// badBlocks are blocks found damaged while open. They stay mapped by the database until it
// looks at its directory again, so they are skipped by name until then.
type badBlocks struct {
	dir    string
	logger *slog.Logger
	count  *counters
	ids    sync.Map // ulid.ULID -> struct{}

	mu    sync.Mutex // guards the fields below
	swept time.Time
	found bool
}

// querier is the database's way to a block; a bad one is empty.
func (b *badBlocks) querier(r tsdb.BlockReader, mint, maxt int64) (storage.Querier, error) {
	if _, bad := b.ids.Load(r.Meta().ULID); bad {
		return storage.NoopQuerier(), nil
	}
	return tsdb.NewBlockQuerier(r, mint, maxt)
}

// sweep reads all of the blocks of db that may be concerned and sets the damaged aside. It
// reports whether it found one.
func (b *badBlocks) sweep(ctx context.Context, db *tsdb.DB) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.swept != (time.Time{}) && time.Since(b.swept) < sweepEvery {
		return b.found
	}
	found := false
	defer func() { b.swept, b.found = time.Now(), found }()
	for _, block := range db.Blocks() {
		id := block.Meta().ULID
		if _, bad := b.ids.Load(id); bad {
			found = true // by another query, a moment ago
			continue
		}
		err := readAll(context.WithoutCancel(ctx), block)
		if err == nil {
			continue
		}
		found = true
		b.ids.Store(id, struct{}{})
		setAside(b.logger, b.count, filepath.Join(b.dir, id.String()), err)
	}
	return found
}

// checkBlocks opens each block of dir and sets aside those that cannot be.
func checkBlocks(dir string, logger *slog.Logger, count *counters) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	parents := map[string]bool{}
	broken := map[string]error{}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		replaced, err := checkBlock(filepath.Join(dir, e.Name()))
		if err != nil {
			broken[e.Name()] = err
			continue
		}
		for _, id := range replaced {
			parents[id.String()] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		if !parents[name] { // a parent has been merged into a good block: the database removes it
			setAside(logger, count, filepath.Join(dir, name), broken[name])
		}
	}
	return nil
}

// checkBlock opens a block, which verifies its table of contents, its symbols and the
// heads of its chunk files, and returns the blocks that it replaces.
func checkBlock(dir string) (parents []ulid.ULID, err error) {
	defer recovered(&err)
	b, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), dir, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range b.Meta().Compaction.Parents {
		parents = append(parents, p.ULID)
	}
	return parents, b.Close()
}

// readAll reads every series and every chunk of a block, which verifies their checksums.
func readAll(ctx context.Context, b *tsdb.Block) (err error) {
	defer recovered(&err)
	ir, err := b.Index()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ir.Close()) }()
	cr, err := b.Chunks()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cr.Close()) }()
	return readSeries(ctx, ir, cr)
}

func readSeries(ctx context.Context, ir tsdb.IndexReader, cr tsdb.ChunkReader) error {
	name, value := index.AllPostingsKey()
	postings, err := ir.Postings(ctx, name, value)
	if err != nil {
		return err
	}
	var (
		builder = labels.NewScratchBuilder(16)
		metas   []chunks.Meta
		it      chunkenc.Iterator
	)
	for postings.Next() {
		if err := ir.Series(postings.At(), &builder, &metas); err != nil {
			return fmt.Errorf("series %d: %w", postings.At(), err)
		}
		for _, meta := range metas {
			chunk, _, err := cr.ChunkOrIterable(meta)
			if err != nil {
				return fmt.Errorf("chunk %d: %w", meta.Ref, err)
			}
			it = chunk.Iterator(it)
			for it.Next() != chunkenc.ValNone {
				continue
			}
			if err := it.Err(); err != nil {
				return fmt.Errorf("chunk %d: %w", meta.Ref, err)
			}
		}
	}
	return postings.Err()
}

// recovered turns a panic over damaged data into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = errors.Join(*err, fmt.Errorf("damaged data: %v", r))
	}
}
