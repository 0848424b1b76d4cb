// Package trace has sequences of cache accesses, read from files or made up from a seed, and
// what no cache can do better than: Belady's optimum.
package trace
