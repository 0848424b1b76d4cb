package advisor

import (
	"cmp"
	"fmt"
)

// manySlowQueries is how many slow statements are reported as one finding.
const manySlowQueries = 10

func slowQueries(s Snapshot) []Finding {
	if s.Database == nil || s.Database.SlowQueries == 0 {
		return nil
	}
	n, priority := s.Database.SlowQueries, "medium"
	if n > manySlowQueries {
		priority = "high"
	}
	return []Finding{{
		ID: "database-slow-queries", Type: "database", Priority: priority,
		Title:        "Slow queries",
		Description:  fmt.Sprintf("%d statements are slower than the threshold.", n),
		Action:       "Open the slowest on the database page; look for a sequential scan over a large table.",
		Evidence:     []string{fmt.Sprintf("slowest %.2f s, mean over all %.1f ms", s.Database.Queries.MaxSeconds, 1000*s.Database.Queries.MeanSeconds)},
		ExpectedGain: "depends on the statement; its plan tells",
		Risk:         "low: an index costs space and slows writes a little",
	}}
}

func databaseDown(s Snapshot) []Finding {
	if s.Database == nil || s.Database.Connected {
		return nil
	}
	return []Finding{{
		ID: "database-not-connected", Type: "database", Priority: "critical",
		Title:        "No connection to Postgres",
		Description:  "The database part is degraded; everything else goes on.",
		Action:       "Check that the server runs and that database.url is right; the part reconnects by itself.",
		Evidence:     []string{cmp.Or(s.Database.LastError, "not connected yet")},
		ExpectedGain: "statistics and advice for the database come back",
		Risk:         "none",
	}}
}

func poolUtilisation(s Snapshot) []Finding {
	if s.Database == nil || s.Database.Pool.Max == 0 {
		return nil
	}
	used := 100 * float64(s.Database.Pool.CheckedOut) / float64(s.Database.Pool.Max)
	if used <= 80 {
		return nil
	}
	return []Finding{{
		ID: "database-pool-utilisation", Type: "database", Priority: "high",
		Title:        "Connection pool nearly used up",
		Description:  fmt.Sprintf("%.0f %% of the pool's connections are checked out.", used),
		Action:       "Find code that holds a session while it waits for a model; then raise database.connection_pool_size.",
		Evidence:     []string{fmt.Sprintf("%d of %d checked out, peak %d", s.Database.Pool.CheckedOut, s.Database.Pool.Max, s.Database.Pool.Peak)},
		ExpectedGain: "requests stop waiting for a connection",
		Risk:         "medium: more sessions cost the server memory",
	}}
}

func poolOverflow(s Snapshot) []Finding {
	if s.Database == nil || s.Database.Pool.Overflow == 0 {
		return nil
	}
	return []Finding{{
		ID: "database-pool-overflow", Type: "database", Priority: "medium",
		Title:        "Connection pool overflows",
		Description:  fmt.Sprintf("%d connections beyond the pool's size are open.", s.Database.Pool.Overflow),
		Action:       "Raise database.connection_pool_size to what the load needs.",
		Evidence:     []string{fmt.Sprintf("size %d, total %d", s.Database.Pool.Size, s.Database.Pool.Total)},
		ExpectedGain: "no new connection per burst",
		Risk:         "low",
	}}
}

// indexesWorthMaking is one finding for each of the most useful indexes.
func indexesWorthMaking(s Snapshot) []Finding {
	if s.Database == nil {
		return nil
	}
	var found []Finding
	for _, r := range s.Database.Recommended {
		priority := "medium"
		if r.SavedSecondsPerDay.Low > manySavedSeconds {
			priority = "high"
		}
		found = append(found, Finding{
			ID: "database-index-" + r.ID, Type: "database", Priority: priority,
			Title:       "An index would help: " + r.Schema + "." + r.Table,
			Description: fmt.Sprintf("%d statements would read less of the table.", len(r.Statements)),
			Action:      "Run: " + r.DDL,
			Evidence:    r.Evidence,
			ExpectedGain: fmt.Sprintf("%.0f s a day, between %.0f and %.0f (%s)", r.SavedSecondsPerDay.Mid, r.SavedSecondsPerDay.Low,
				r.SavedSecondsPerDay.High, r.Confidence),
			Risk: fmt.Sprintf("low: %.1f MB of disk, %.1f s a day for writers; a plan may get slower, so measure and undo by: %s",
				float64(r.SizeBytes)/1e6, r.WriteSecondsPerDay, r.UndoDDL),
		})
	}
	return found
}

// manySavedSeconds a day make an index urgent.
const manySavedSeconds = 600
