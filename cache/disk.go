package cache

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DiskConfig says where a second tier on disk is, such as that of package diskcache, which
// checks it.
type DiskConfig struct {
	// Path is its directory. Empty means none.
	Path string `conf:"path"`
	// MaxBytes bounds its files together. Zero means 1 GiB.
	MaxBytes int64 `conf:"max_bytes"`
	// MaxEntries bounds what is in them, and with it an index in memory. Zero means 1,048,576.
	MaxEntries int `conf:"max_entries"`
}

// DiskStats are the figures of a second tier on disk, such as that of package diskcache.
type DiskStats struct {
	Enabled bool `json:"enabled"`
	// Open says that the directory is in use, Since when that last changed. LastError is why it is
	// not.
	Open      bool      `json:"open"`
	Since     time.Time `json:"since"`
	LastError string    `json:"last_error,omitempty"`
	Dir       string    `json:"dir"`
	// Bytes is what the files take, Entries the values and marks that can be found, Records all that
	// is in the files.
	Bytes      int64 `json:"bytes"`
	MaxBytes   int64 `json:"max_bytes"`
	Entries    int   `json:"entries"`
	Records    int   `json:"records"`
	MaxEntries int   `json:"max_entries"`
	// Hits and Misses are lookups that it answered, Errors lookups and operations that failed.
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	Errors uint64 `json:"errors"`
	// Malformed are values that were damaged, Damaged the times that files were removed because
	// something in them was.
	Malformed uint64 `json:"malformed"`
	Damaged   uint64 `json:"damaged"`
	// Stored are values written, Refused those that were invalidated meanwhile, Dropped operations
	// for which the queue had no room, Rejected values that were too large.
	Stored   uint64 `json:"stored"`
	Refused  uint64 `json:"refused"`
	Dropped  uint64 `json:"dropped"`
	Rejected uint64 `json:"rejected"`
	// Evicted are entries that left for room, Promoted those written again because they were read.
	Evicted  uint64 `json:"evicted"`
	Promoted uint64 `json:"promoted"`
	// Failed are writes that failed, SlowReads reads that took too long.
	Failed    uint64 `json:"failed"`
	SlowReads uint64 `json:"slow_reads"`
	// Queued are operations that wait now, Unsent the keys of these and of those under way; Owed are
	// invalidations that did not reach it and will be done before it is read again.
	Queued int `json:"queued"`
	Unsent int `json:"unsent"`
	Owed   int `json:"owed"`
	// OpenSeconds is how long opening took.
	OpenSeconds float64 `json:"open_seconds"`
}

// onDisk is a [Remote] that is not shared: its figures are those of a disk.
type onDisk interface {
	Remote
	// DiskStats fills in what the tier knows of itself.
	DiskStats() DiskStats
}

// diskStats are what both sides of a second tier on disk know; false for another kind.
func (t *tier) diskStats(r RedisStats) (DiskStats, bool) {
	remote, ok := t.remote.(onDisk)
	if !ok {
		return DiskStats{}, false
	}
	s := remote.DiskStats()
	s.Enabled, s.Open, s.Since, s.LastError = true, r.Connected, r.Since, r.LastError
	s.Hits, s.Misses, s.Errors = r.Hits, r.Misses, r.Errors
	s.Malformed += r.Malformed
	s.Stored, s.Refused, s.Dropped = r.Stored, r.Refused, r.Dropped
	s.Queued, s.Unsent, s.Owed = r.Queued, r.Unsent, r.Owed
	return s, true
}

// Descriptions of the metrics of a tier on disk; they never change.
var (
	descDiskOpen     = desc("disk_open", "Whether the directory of the second tier is in use: 1 or 0.")
	descDiskBytes    = desc("disk_bytes", "Bytes of the files of the second tier.")
	descDiskMaxBytes = desc("disk_max_bytes", "Bytes that the files of the second tier may take.")
	descDiskEntries  = desc("disk_entries", "Entries that can be found in the files of the second tier.")
	descDiskHits     = desc("disk_hits_total", "Lookups in the files that found a value.")
	descDiskMisses   = desc("disk_misses_total", "Lookups in the files that found none.")
	descDiskErrors   = desc("disk_errors_total", "Lookups and operations that failed.")
	descDiskBad      = desc("disk_malformed_total", "Values in the files that were damaged.")
	descDiskDamaged  = desc("disk_damaged_total", "Times that files were removed because something in them was damaged.")
	descDiskStored   = desc("disk_stored_total", "Values written to the files.")
	descDiskEvicted  = desc("disk_evictions_total", "Entries that left the files for room.")
	descDiskDropped  = desc("disk_dropped_total", "Operations for which the queue to the files had no room.")

	diskDescs = []*prometheus.Desc{
		descDiskOpen, descDiskBytes, descDiskMaxBytes, descDiskEntries, descDiskHits, descDiskMisses, descDiskErrors,
		descDiskBad, descDiskDamaged, descDiskStored, descDiskEvicted, descDiskDropped,
	}
)

// collect tells the figures to gauge and counter.
func (s DiskStats) collect(gauge, counter func(d *prometheus.Desc, v float64, labels ...string)) {
	open := 0.0
	if s.Open {
		open = 1
	}
	gauge(descDiskOpen, open)
	gauge(descDiskBytes, float64(s.Bytes))
	gauge(descDiskMaxBytes, float64(s.MaxBytes))
	gauge(descDiskEntries, float64(s.Entries))
	counter(descDiskHits, float64(s.Hits))
	counter(descDiskMisses, float64(s.Misses))
	counter(descDiskErrors, float64(s.Errors))
	counter(descDiskBad, float64(s.Malformed))
	counter(descDiskDamaged, float64(s.Damaged))
	counter(descDiskStored, float64(s.Stored))
	counter(descDiskEvicted, float64(s.Evicted))
	counter(descDiskDropped, float64(s.Dropped))
}
