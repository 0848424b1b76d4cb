//go:build !race

package replay_test

// underRace: the simulations run in one goroutine, where there is nothing to race.
const underRace = false
