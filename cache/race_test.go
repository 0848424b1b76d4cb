//go:build race

package cache

// underRace: the detector makes tests slow and the heap grow.
const underRace = true
