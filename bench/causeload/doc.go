// Package causeload is small services of which each has one planted bottleneck, and two that have none:
// what a profiler names as the cause is held against what was planted.
package causeload
