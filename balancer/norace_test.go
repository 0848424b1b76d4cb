//go:build !race

package balancer

// underRace: the simulations run in one goroutine, where there is nothing to race.
const underRace = false
