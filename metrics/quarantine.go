package metrics

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	corruptMark = ".corrupt-"
	// keptCorrupt is the number of damaged files kept for a person to look at.
	keptCorrupt = 5
)

// setAside renames what is damaged, so that the store can do without it and nothing of it
// is lost to a person who wants to look.
func setAside(logger *slog.Logger, count *counters, path string, reason error) {
	target := path + corruptMark + time.Now().UTC().Format("20060102T150405.000000000")
	logger.Error("metrics: damaged data set aside", "path", path, "kept_as", target, "err", reason)
	count.corruptions.Add(1)
	if err := os.Rename(path, target); err != nil {
		logger.Error("metrics: damaged data cannot be set aside", "path", path, "err", err)
	}
	pruneCorrupt(filepath.Dir(path), logger)
}

// pruneCorrupt keeps the newest of what was set aside in dir.
func pruneCorrupt(dir string, logger *slog.Logger) {
	found, err := filepath.Glob(filepath.Join(dir, "*"+corruptMark+"*"))
	if err != nil || len(found) <= keptCorrupt {
		return // the pattern is a constant, so there is no error
	}
	stamp := func(path string) string { return path[strings.LastIndex(path, corruptMark):] }
	slices.SortFunc(found, func(a, b string) int { return strings.Compare(stamp(a), stamp(b)) })
	for _, path := range found[:len(found)-keptCorrupt] {
		if err := os.RemoveAll(path); err != nil {
			logger.Warn("metrics: old damaged data cannot be removed", "path", path, "err", err)
		}
	}
}
