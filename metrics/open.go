package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	minBlock         = 2 * time.Hour
	maxBlock         = 72 * time.Hour
	stripes          = 512
	chunkWriteBuffer = 64 << 10
	chunkFileBytes   = 64 << 20
)

// options are the database's, for little memory: a small hash of series, a small buffer,
// small log segments.
func (s *Store) options() *tsdb.Options {
	cfg := s.config.Load()
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // takeLock did it, before anything was touched
	o.StripeSize = stripes
	o.WALSegmentSize = walSegmentBytes
	o.WALCompression = compression.Snappy
	o.HeadChunksWriteBufferSize = chunkWriteBuffer
	o.HeadChunksWriteQueueSize = 0
	o.MaxBlockChunkSegmentSize = chunkFileBytes
	o.MinBlockDuration = minBlock.Milliseconds()
	o.MaxBlockDuration = min(max(cfg.retention()/10, minBlock), maxBlock).Milliseconds()
	o.RetentionDuration = cfg.retention().Milliseconds()
	o.MaxBytes = cfg.RetentionBytes
	o.BlocksToDelete = s.retain.choose
	o.BlockQuerierFunc = s.bad.querier
	o.WALReplayConcurrency = 1
	return o
}

// openDB repairs what it can before the database sees it, and then sets aside what the
// database cannot open, the part that is easiest to do without first.
func (s *Store) openDB() (*tsdb.DB, error) {
	if err := checkBlocks(s.dir, s.logger, &s.count); err != nil {
		return nil, err
	}
	if err := repairLog(s.dir, s.logger, &s.count); err != nil {
		if !canDoWithout(err) {
			return nil, err
		}
		setAside(s.logger, &s.count, s.walDir(), err)
	}
	// What the chunks of the head held is in the log as well, as long as that is there.
	spare := []string{"chunks_head", "wbl", "wal"}
	for {
		reg := discardRegistry()
		db, err := tryOpen(s.dir, reg, s.options())
		if err == nil {
			s.noteRepairs(reg)
			return db, nil
		}
		if !canDoWithout(err) {
			return nil, err
		}
		for len(spare) > 0 && !exists(filepath.Join(s.dir, spare[0])) {
			spare = spare[1:]
		}
		if len(spare) == 0 {
			return nil, err
		}
		setAside(s.logger, &s.count, filepath.Join(s.dir, spare[0]), err)
		spare = spare[1:]
	}
}

// tryOpen opens the database, whose panics over damaged files are errors like others.
func tryOpen(dir string, reg prometheus.Registerer, o *tsdb.Options) (db *tsdb.DB, err error) {
	defer recovered(&err)
	return tsdb.Open(dir, slog.New(slog.DiscardHandler), reg, o, nil)
}

// canDoWithout reports whether err is of the data: no file needs to be set aside because
// the disk is full or the user may not write.
func canDoWithout(err error) bool {
	return !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) &&
		!errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) && !errors.Is(err, syscall.ENOMEM)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// noteRepairs counts and logs what the database repaired by itself while it opened.
func (s *Store) noteRepairs(reg prometheus.Gatherer) {
	families, err := reg.Gather()
	if err != nil {
		s.logger.Warn("metrics: read the database's own counters", "err", err)
	}
	for _, name := range []string{"prometheus_tsdb_mmap_chunk_corruptions_total", "prometheus_tsdb_wal_corruptions_total"} {
		if n := counterOf(families, name); n > 0 {
			s.count.corruptions.Add(uint64(n))
			s.logger.Warn("metrics: damaged files were repaired", "counter", name, "count", n)
		}
	}
}

func counterOf(families []*dto.MetricFamily, name string) float64 {
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// verify reads everything that is stored, and verifies it.
func (s *Store) verify(ctx context.Context) error {
	for _, b := range s.db.Blocks() {
		if err := errors.Join(ctx.Err(), readAll(ctx, b)); err != nil {
			return fmt.Errorf("block %s: %w", b.Meta().ULID, err)
		}
	}
	return nil
}
