package load

import (
	"math"
	"slices"
	"time"
)

// Sample is a set of durations, kept whole: quantiles of it are exact.
type Sample []time.Duration

// Quantile returns the q-quantile by nearest rank: the least duration that at least the
// share q does not exceed. It is 0 for an empty sample. It sorts the sample.
func (s Sample) Quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	if !slices.IsSorted(s) {
		slices.Sort(s)
	}
	rank := int(math.Ceil(q * float64(len(s))))
	return s[min(max(rank, 1), len(s))-1]
}

// Median returns the middle of values, or the mean of the two in the middle; 0 for none.
func Median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
