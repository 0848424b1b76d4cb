package postgres

import "time"

// Stats is the database at one instant, as the last reading found it. Every number is
// finite.
type Stats struct {
	// Connected tells whether the last reading reached the server, and Since from when on
	// that is so. LastError is why not; it carries no password.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	// ServerVersion is the server's, such as "15.18"; empty before the first connection.
	ServerVersion string `json:"server_version,omitempty"`
	// SlowQueries is the number of statements above the threshold.
	SlowQueries int `json:"slow_queries"`
	// IndexRecommendations is the number of indexes worth making, as [Monitor.Recommend] was told.
	IndexRecommendations int `json:"index_recommendations"`
	// Recommended are the most useful of them, five at most.
	Recommended []Recommendation `json:"recommended,omitempty"`
	Pool        PoolStats        `json:"pool"`
	Queries     QueryStats       `json:"queries"`
	// Warnings say what cannot be seen and which statement on the server changes that.
	Warnings []string `json:"warnings"`
}

// PoolStats are a pool of connections, the monitor's own or the one given to
// [Monitor.Watch], since it was made.
type PoolStats struct {
	// Size is what the pool was configured with and Max the most connections it opens: the
	// same, since it never goes beyond its size. Overflow is therefore always 0.
	Size     int `json:"size"`
	Max      int `json:"max"`
	Overflow int `json:"overflow"`
	// CheckedOut and Idle are open connections in and out of use; Total is both and those
	// being made.
	CheckedOut int `json:"checked_out"`
	Idle       int `json:"idle"`
	Total      int `json:"total"`
	// Peak is the most connections that were out at once. Of a watched pool without a
	// [Tracer] it is the most that a reading found.
	Peak int `json:"peak"`
	// Acquires counts the times a connection was taken, Waits those that found none idle,
	// and MeanAcquireSeconds is how long taking one took, in the mean.
	Acquires           uint64  `json:"acquires"`
	Waits              uint64  `json:"waits"`
	WaitSeconds        float64 `json:"wait_seconds"`
	MeanAcquireSeconds float64 `json:"mean_acquire_seconds"`
	// Errors counts connections that could not be made.
	Errors uint64 `json:"errors"`
}

// QueryStats are over all statements: those that pg_stat_statements counted, with what it
// had counted before the monitor came; without it those that a [Tracer] saw.
type QueryStats struct {
	Total        uint64  `json:"total"`
	TotalSeconds float64 `json:"total_seconds"`
	MeanSeconds  float64 `json:"mean_seconds"`
	MaxSeconds   float64 `json:"max_seconds"`
	MinSeconds   float64 `json:"min_seconds"`
	// Over1s counts calls of more than a second. A tracer knows it exactly; of
	// pg_stat_statements, which keeps sums, it is the least number that explains them.
	Over1s uint64 `json:"over_1s"`
	// Statements is the number of distinct statements known.
	Statements int `json:"statements"`
	// Source is "server" for pg_stat_statements, "client" for a tracer, empty for neither.
	Source string `json:"source,omitempty"`
}

// The sources of figures.
const (
	SourceServer = "server"
	SourceClient = "client"
)

// SlowQuery is one normalised statement above the threshold.
type SlowQuery struct {
	// Query is the text without literals and comments, of at most 4 KiB.
	Query        string  `json:"query"`
	Fingerprint  string  `json:"fingerprint"`
	Calls        uint64  `json:"calls"`
	TotalSeconds float64 `json:"total_seconds"`
	MeanSeconds  float64 `json:"mean_seconds"`
	MaxSeconds   float64 `json:"max_seconds"`
	// Rows are those returned or changed by all calls.
	Rows uint64 `json:"rows"`
	// TableScans is the number of sequential scans in the statement's plan. It is 0 when
	// the statement was not planned: a tracer's with literals, a utility statement, or one
	// whose turn has not come ([Planned] tells).
	TableScans uint64 `json:"table_scans"`
	// Planned tells whether TableScans comes from a plan.
	Planned bool `json:"planned"`
	// LastSeen is when the number of calls was last seen to grow.
	LastSeen time.Time `json:"last_seen"`
	// Source is where the figures come from: "server" or "client".
	Source string `json:"source"`
}
