// Package tpch makes a database shaped like that of TPC-H and 22 statements in its manner, to tune index
// advice on. Neither is the benchmark's own: the rows are drawn by the server, the statements are written
// anew, and no result is one of TPC-H.
//
//	err := tpch.Load(ctx, conn, 0.5, 1)
//	for _, q := range tpch.Queries(0.5, 1) { … }
//
// # What it does not do
//
// It draws no text by the benchmark's grammar and makes no indexes but the primary keys'.
package tpch
