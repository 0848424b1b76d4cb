package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sentientcore/upshift/postgres"
)

const maxQueryText = 200 // characters of a statement shown

// DatabaseStats is the database as this process sees it.
type DatabaseStats struct {
	Enabled   bool `json:"enabled"`
	Connected bool `json:"connected"`
	// LastError is why there is no connection; it carries no password.
	LastError        string `json:"last_error"`
	SlowQueriesCount int    `json:"slow_queries_count"`
	// AvgQueryTime is in milliseconds.
	AvgQueryTime float64 `json:"avg_query_time"`
	// ConnectionPoolUsage is in percent.
	ConnectionPoolUsage  float64          `json:"connection_pool_usage"`
	IndexRecommendations int              `json:"index_recommendations"`
	ConnectionPool       ConnectionPool   `json:"connection_pool"`
	QueryPerformance     QueryPerformance `json:"query_performance"`
	Warnings             []string         `json:"warnings"`
}

// ConnectionPool is our own pool of connections.
type ConnectionPool struct {
	PoolSize         int `json:"pool_size"`
	CheckedOut       int `json:"checked_out"`
	CheckedIn        int `json:"checked_in"`
	Overflow         int `json:"overflow"`
	TotalConnections int `json:"total_connections"`
	// AvgConnectionTime is how long a connection is waited for, in seconds.
	AvgConnectionTime float64 `json:"avg_connection_time"`
	PeakConnections   int     `json:"peak_connections"`
	ConnectionErrors  uint64  `json:"connection_errors"`
	Waits             uint64  `json:"waits"`
}

// QueryPerformance is over all statements; times are in seconds.
type QueryPerformance struct {
	TotalQueries     uint64  `json:"total_queries"`
	AvgExecutionTime float64 `json:"avg_execution_time"`
	MaxExecutionTime float64 `json:"max_execution_time"`
	MinExecutionTime float64 `json:"min_execution_time"`
	QueriesOver1s    uint64  `json:"queries_over_1s"`
}

func (s *Server) databaseStats(context.Context, *none) (*answer[DatabaseStats], error) {
	if s.parts.Postgres == nil {
		return ok(DatabaseStats{Warnings: []string{}})
	}
	return ok(databaseView(s.parts.Postgres.Stats()))
}

func databaseView(d postgres.Stats) DatabaseStats {
	v := DatabaseStats{
		Enabled: true, Connected: d.Connected, LastError: d.LastError, SlowQueriesCount: d.SlowQueries,
		AvgQueryTime: ms(d.Queries.MeanSeconds), IndexRecommendations: d.IndexRecommendations,
		ConnectionPool: ConnectionPool{
			PoolSize: d.Pool.Max, CheckedOut: d.Pool.CheckedOut, CheckedIn: d.Pool.Idle, Overflow: d.Pool.Overflow,
			TotalConnections: d.Pool.Total, AvgConnectionTime: d.Pool.MeanAcquireSeconds, PeakConnections: d.Pool.Peak,
			ConnectionErrors: d.Pool.Errors, Waits: d.Pool.Waits,
		},
		QueryPerformance: QueryPerformance{
			TotalQueries: d.Queries.Total, AvgExecutionTime: d.Queries.MeanSeconds, MaxExecutionTime: d.Queries.MaxSeconds,
			MinExecutionTime: d.Queries.MinSeconds, QueriesOver1s: d.Queries.Over1s,
		},
		Warnings: append([]string{}, d.Warnings...),
	}
	if d.Pool.Max > 0 {
		v.ConnectionPoolUsage = 100 * float64(d.Pool.CheckedOut) / float64(d.Pool.Max)
	}
	return v
}

// SlowQuery is one normalised statement; times are in seconds.
type SlowQuery struct {
	// QueryText has at most 200 characters, then an ellipsis.
	QueryText string `json:"query_text"`
	// ExecutionTime is that of the slowest call.
	ExecutionTime float64   `json:"execution_time"`
	RowsAffected  int64     `json:"rows_affected"`
	TableScans    int64     `json:"table_scans"`
	Timestamp     time.Time `json:"timestamp"`
	Fingerprint   string    `json:"fingerprint"`
	Calls         int64     `json:"calls"`
	MeanTime      float64   `json:"mean_time"`
	TotalTime     float64   `json:"total_time"`
}

func (s *Server) slowQueries(_ context.Context, in *listInput) (*answer[[]SlowQuery], error) {
	list := []SlowQuery{}
	if s.parts.Postgres == nil {
		return ok(list)
	}
	for _, q := range s.parts.Postgres.SlowQueries(in.Limit) {
		list = append(list, slowQueryView(q))
	}
	sortDown(list, func(q SlowQuery) float64 { return q.ExecutionTime })
	return ok(list[:min(len(list), in.Limit)])
}

func slowQueryView(q postgres.SlowQuery) SlowQuery {
	return SlowQuery{
		QueryText: shorten(q.Query, maxQueryText), ExecutionTime: q.MaxSeconds, RowsAffected: int64(q.Rows),
		TableScans: int64(q.TableScans), Timestamp: q.LastSeen.UTC(), Fingerprint: q.Fingerprint,
		Calls: int64(q.Calls), MeanTime: q.MeanSeconds, TotalTime: q.TotalSeconds,
	}
}

// shorten cuts text after n characters and says so.
func shorten(text string, n int) string {
	text = strings.ToValidUTF8(text, "?")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n]) + "…"
}

// database returns the monitor when it can act.
func (s *Server) database() (*postgres.Monitor, *Problem) {
	if s.parts.Postgres == nil {
		return nil, off("database", "database.url")
	}
	if connected, since, lastError := s.parts.Postgres.State(); !connected {
		detail := "the database is not connected"
		if !since.IsZero() {
			detail += " since " + since.UTC().Format(time.RFC3339)
		}
		if lastError != "" {
			detail += ": " + clip(lastError, 300)
		}
		hint := "check database.url and the server; it is tried again by itself"
		return nil, problem(http.StatusServiceUnavailable, detail, hint).after(10 * time.Second)
	}
	return s.parts.Postgres, nil
}

type analyzeInput struct {
	Body struct {
		Query  string `json:"query" minLength:"1" maxLength:"65536" doc:"One statement. It is planned, never run."`
		Params []any  `json:"params,omitempty" maxItems:"100"`
	}
}

func (s *Server) analyze(ctx context.Context, in *analyzeInput) (*answer[postgres.Analysis], error) {
	db, p := s.database()
	if p != nil {
		return nil, p
	}
	analysis, err := db.Analyze(ctx, in.Body.Query, in.Body.Params)
	if err != nil {
		return nil, analyzeProblem(err)
	}
	return ok(analysis)
}

func analyzeProblem(err error) *Problem {
	if errors.Is(err, postgres.ErrNotConnected) { // it went away just now
		return fault(http.StatusServiceUnavailable, err, "it is tried again by itself").after(10 * time.Second)
	}
	return fault(http.StatusBadRequest, err, "send one statement that the database can plan")
}

// IndexAdvice is an index worth making.
type IndexAdvice struct {
	ID          string   `json:"id"`
	Digest      string   `json:"digest"`
	TableName   string   `json:"table_name"`
	Columns     []string `json:"columns"`
	Include     []string `json:"include"`
	IndexType   string   `json:"index_type"`
	Predicate   string   `json:"predicate"`
	CreationSQL string   `json:"creation_sql"`
	// EstimatedBenefit is in seconds a day.
	EstimatedBenefit float64           `json:"estimated_benefit"`
	BenefitRange     postgres.Interval `json:"benefit_range"`
	ImpactScore      float64           `json:"impact_score"`
	SizeBytes        int64             `json:"size_bytes"`
	// WriteCost is in seconds a day.
	WriteCost     float64  `json:"write_cost"`
	QueryPatterns []string `json:"query_patterns"`
	Evidence      []string `json:"evidence"`
	// Confidence is structural, sandbox, hypothetical or measured.
	Confidence string `json:"confidence"`
	State      string `json:"state"`
}

// indexes answers what the last search for indexes found.
func (s *Server) indexes(context.Context, *none) (*answer[[]IndexAdvice], error) {
	list := []IndexAdvice{}
	if s.parts.Postgres != nil {
		list = indexViews(s.parts.Postgres.Recommendations())
	}
	if len(list) == 0 {
		return said(list, "no index is worth making, or nobody has looked yet: POST "+base+"/database/optimize looks")
	}
	return ok(list)
}

func indexViews(list []postgres.Recommendation) []IndexAdvice {
	views := make([]IndexAdvice, 0, len(list))
	for _, r := range list {
		views = append(views, indexView(r))
	}
	sortDown(views, func(v IndexAdvice) float64 { return v.ImpactScore })
	return views
}

// indexView shows a recommendation. Its impact is what it saves less what it costs writers.
func indexView(r postgres.Recommendation) IndexAdvice {
	v := IndexAdvice{
		ID: r.ID, Digest: r.Digest, TableName: r.Schema + "." + r.Table, Columns: append([]string{}, r.Columns...), Include: append([]string{}, r.Include...),
		IndexType: r.Method, Predicate: r.Predicate, CreationSQL: r.DDL, EstimatedBenefit: r.SavedSecondsPerDay.Mid, BenefitRange: r.SavedSecondsPerDay,
		ImpactScore: r.SavedSecondsPerDay.Mid - r.WriteSecondsPerDay, SizeBytes: r.SizeBytes, WriteCost: r.WriteSecondsPerDay,
		QueryPatterns: []string{}, Evidence: append([]string{}, r.Evidence...), Confidence: r.Confidence, State: "proposed",
	}
	for _, q := range r.Statements {
		v.QueryPatterns = append(v.QueryPatterns, shorten(q.Query, maxQueryText))
	}
	return v
}

type indexInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body *struct {
		Digest string `json:"digest,omitempty" maxLength:"64"`
	}
}

// indexAct makes and drops no index: the advice has the statement for it.
func (s *Server) indexAct(_ context.Context, in *indexInput) (*answer[IndexAdvice], error) {
	db, p := s.database()
	if p != nil {
		return nil, p
	}
	for _, r := range db.Recommendations() {
		if r.ID == in.ID {
			return nil, problem(http.StatusNotImplemented, "this version makes no index by itself", "run: "+r.DDL)
		}
	}
	return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no index advice %q", clip(in.ID, 128)), "see "+base+"/database/indexes")
}

// TableOutcome is what was done to one table; times are in seconds.
type TableOutcome struct {
	Status        string  `json:"status"`
	ExecutionTime float64 `json:"execution_time"`
	Error         string  `json:"error"`
}

func outcomesOf(results map[string]postgres.TableResult) map[string]TableOutcome {
	v := make(map[string]TableOutcome, len(results))
	for name, r := range results {
		v[name] = TableOutcome{Status: r.Status, ExecutionTime: r.Seconds, Error: r.Error}
	}
	return v
}

type vacuumInput struct {
	Prefer string `header:"Prefer" doc:"respond-async answers 202 with a job at once."`
	Body   *struct {
		Tables []string `json:"tables,omitempty" maxItems:"1000" doc:"schema.table; none: those that need it."`
	}
}

func (s *Server) vacuum(ctx context.Context, in *vacuumInput) (*later, error) {
	db, p := s.database()
	if p != nil {
		return nil, p
	}
	var tables []string
	if in.Body != nil {
		tables = in.Body.Tables
	}
	return s.async(ctx, "database.vacuum", in.Prefer, func(ctx context.Context, _ func(float64)) (any, error) {
		results, err := db.Vacuum(ctx, tables)
		if err != nil {
			return nil, err
		}
		return outcomesOf(results), nil
	})
}

// DatabaseOptimization is what optimising did.
type DatabaseOptimization struct {
	Tables               map[string]TableOutcome `json:"tables"`
	IndexRecommendations []IndexAdvice           `json:"index_recommendations"`
	ConnectionPool       PoolAdvice              `json:"connection_pool"`
}

// PoolAdvice is what to change about the connection pool.
type PoolAdvice struct {
	Recommendations []string `json:"recommendations"`
}

type preferInput struct {
	Prefer string `header:"Prefer" doc:"respond-async answers 202 with a job at once."`
}

func (s *Server) databaseOptimize(ctx context.Context, in *preferInput) (*later, error) {
	db, p := s.database()
	if p != nil {
		return nil, p
	}
	return s.async(ctx, "database.optimize", in.Prefer, func(ctx context.Context, progress func(float64)) (any, error) {
		o, err := db.Optimize(ctx, progress)
		if err != nil {
			return nil, err
		}
		if s.parts.Advise != nil {
			if err := s.parts.Advise(ctx); err != nil {
				return nil, err
			}
		}
		return DatabaseOptimization{
			Tables: outcomesOf(o.Tables), IndexRecommendations: indexViews(db.Recommendations()),
			ConnectionPool: PoolAdvice{Recommendations: append([]string{}, o.PoolAdvice...)},
		}, nil
	})
}

type jobInput struct {
	ID string `path:"id" maxLength:"32"`
}

func (s *Server) job(_ context.Context, in *jobInput) (*answer[Job], error) {
	j, found := s.jobs.find(in.ID)
	if !found {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no job %q", clip(in.ID, 32)),
			fmt.Sprintf("the last %d jobs are kept, until a restart", maxKeptJobs))
	}
	return ok(j)
}

// prefersAsync reads the Prefer header (RFC 7240).
func prefersAsync(prefer string) bool {
	for p := range strings.SplitSeq(prefer, ",") {
		name, _, _ := strings.Cut(p, ";")
		if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
			return true
		}
	}
	return false
}
