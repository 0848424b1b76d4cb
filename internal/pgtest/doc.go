// Package pgtest starts throw-away Postgres servers: for tests, and for programs that need
// a real database for an hour.
//
//	cluster, err := pgtest.StartCluster(ctx, "")
//	if err != nil { … } // ErrNoBinaries says what to install
//	defer cluster.Stop()
//	pool, err := pgxpool.New(ctx, cluster.URL())
//
// A cluster has a directory of its own below the one given, listens on a free port of
// 127.0.0.1 only, asks for a random password and writes nothing for keeps: fsync is off.
// pg_stat_statements is loaded where the server has it. Postgres refuses to run as root;
// when the process is root, the server runs as the user postgres, or nobody.
//
// In tests use [Start] for a cluster of one test (which may kill it), or [Shared] for one
// cluster of the whole package with a fresh database for each test. Without Postgres on
// the machine they skip the test, by name, and fail it where the environment has CI set.
//
// # What is left behind
//
// Nothing after [Cluster.Stop]. When the process is killed with SIGKILL, on Linux the
// kernel stops the server too (parent-death signal, an immediate shutdown, so that shared
// memory is released); its directory stays and the next StartCluster with the same parent
// directory removes it. On other systems the server outlives a killed parent.
package pgtest
