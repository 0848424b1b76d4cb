// Package postgres watches a Postgres database: which statements are slow, what their plans
// are, how the connection pool fares, which tables need a vacuum.
//
//	m, err := postgres.New(postgres.Config{URL: "postgres://app@db.internal/app"}, logger)
//	if err != nil { … }
//	go m.Run(ctx) // reads the server's statistics, reconnects by itself
//	for _, q := range m.SlowQueries(10) { … }
//	plan, err := m.Analyze(ctx, "SELECT * FROM chunks WHERE document_id = $1", nil)
//
// # Where statements come from
//
// From the server: pg_stat_statements, read every [Config.PollInterval], counts the
// statements of all programs. Where the extension or a right is missing, [Stats.Warnings]
// has the SQL that gives it, and the rest goes on. From the program: a [Tracer] given to
// pgx counts its own statements, with the network; it needs nothing of the server. A
// statement that both know is shown with the server's figures. Both name a statement by
// [Fingerprint].
//
// # What is never done
//
// No statement of a caller is run: [Monitor.Analyze] plans it, in a read-only transaction on
// a connection that is thrown away. No literals are shown ([Normalize]) and no arguments kept, but for the text
// that a session last ran of each statement, in memory, to plan with; errors and logs pass through a filter that knows the password. Nothing is
// changed but by [Monitor.Vacuum] and [Monitor.Optimize], which vacuum, and no index is made.
//
// # What it costs
//
// The server: one connection, and one reading of pg_stat_statements without its texts; texts
// are read for new statements. A slow statement is planned once in ten minutes. The program:
// less than a microsecond a statement, and memory for [Config.QueryCacheSize] statements.
//
// # What it does not do
//
// It does not look for indexes itself, which package advise does, and does not read the server's log. It reads Postgres 13 and
// newer; older ones connect, without statements.
package postgres
