package balancer

// leastConnections takes the server with the fewest calls in flight per weight, the new
// one included.
type leastConnections struct{}

func (leastConnections) price(r reading) price {
	return price{base: (r.inFlight + 1) / r.weight}
}

func (leastConnections) choose(rows []row, j job) int { return cheapest(rows, j) }
