// Package costload is a program with functions whose processor time and bytes are known, called by
// four goroutines at once: what a profiler says that a call of each takes is held against the truth.
package costload
