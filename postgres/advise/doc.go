// Package advise finds the indexes that a workload is worth: which statements would read less, what the
// index takes on disk and what it costs those who write.
//
//	advice, err := advise.Search(ctx, conn, workload, advise.Config{})
//	for _, r := range advice.Recommendations { fmt.Println(r.DDL, r.SizeBytes, r.SavedSecondsPerDay.Mid) }
//
// # How
//
// Every statement is planned by the server, never run, and the conditions, joins, orders and groups that the
// server writes into its plan are where candidates come from: names, views, casts and constants are
// resolved there, by the grammar and the catalog that count. A candidate is priced by a planner:
// by HypoPG in a session of its own, or in a sandbox, or, where there is neither, by a structural model; each
// recommendation names which. The search takes what helps most per byte, statement by statement
// normalised, so that one monster does not take the budget from all others, within a budget of bytes
// by a size model that knows when Postgres deduplicates, and charges what writers will pay.
//
// # What it does not do
//
// It makes no index and changes nothing on the server. Planner costs are a weak promise: an index should be
// measured once it is made, and dropped where it does not hold. It does not advise on partitioned tables,
// vectors, or system tables.
package advise
