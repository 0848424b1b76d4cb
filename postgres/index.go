package postgres

// How sure a [Recommendation] is of what its index would change, from the least to the most.
const (
	// ConfidenceStructural: figured from statistics and the plan as it is; no planner has seen the index.
	ConfidenceStructural = "structural"
	// ConfidenceSandbox: a planner with the server's statistics, on another server without the data, chose it.
	ConfidenceSandbox = "sandbox"
	// ConfidenceHypothetical: the server's own planner chose it, by HypoPG.
	ConfidenceHypothetical = "hypothetical"
	// ConfidenceMeasured: the index was made and statements were timed with it.
	ConfidenceMeasured = "measured"
)

// Recommendation is an index worth making. It is plain data: whoever makes the index takes it from here.
type Recommendation struct {
	// ID names the index, its table, keys and all, the same in every run; Digest also holds what is
	// claimed of it, and changes with that.
	ID     string `json:"id"`
	Digest string `json:"digest"`
	// Name is the index's, at most 63 bytes.
	Name   string `json:"name"`
	Schema string `json:"schema"`
	Table  string `json:"table"`
	// Columns are the keys as the statement writes them: "created_at DESC", "lower(email)". Include are
	// further columns carried along.
	Columns []string `json:"columns"`
	Include []string `json:"include"`
	// Method is btree, gin or brin.
	Method string `json:"method"`
	// Predicate is what rows are in the index, empty for all.
	Predicate string `json:"predicate"`
	// DDL makes it, without locking out writers, and UndoDDL drops it.
	DDL     string `json:"ddl"`
	UndoDDL string `json:"undo_ddl"`
	// SizeBytes is what it takes on disk when new.
	SizeBytes int64 `json:"size_bytes"`
	// SavedSecondsPerDay is what reading statements would take less, in the wall time of the server;
	// WriteSecondsPerDay is what writing ones would take more.
	SavedSecondsPerDay Interval `json:"saved_seconds_per_day"`
	WriteSecondsPerDay float64  `json:"write_seconds_per_day"`
	// Confidence is one of those above, and Engine names what priced it.
	Confidence string `json:"confidence"`
	Engine     string `json:"engine"`
	// Statements are those it would change, the most changed first.
	Statements []IndexedStatement `json:"statements"`
	// Evidence are full sentences.
	Evidence []string `json:"evidence"`
}

// Interval is an estimate and between what it is likely to lie.
type Interval struct {
	Low  float64 `json:"low"`
	Mid  float64 `json:"mid"`
	High float64 `json:"high"`
}

// IndexedStatement is a statement whose plan an index would change. The costs are the planner's, without the
// index and with all that are recommended.
type IndexedStatement struct {
	Fingerprint        string  `json:"fingerprint"`
	Query              string  `json:"query"`
	CallsPerDay        float64 `json:"calls_per_day"`
	MeanSeconds        float64 `json:"mean_seconds"`
	CostBefore         float64 `json:"cost_before"`
	CostAfter          float64 `json:"cost_after"`
	SavedSecondsPerDay float64 `json:"saved_seconds_per_day"`
}
