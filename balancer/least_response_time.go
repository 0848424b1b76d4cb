package balancer

// leastResponseTime takes the server with the lowest recent response time × (calls in
// flight + 1) per weight, the form of nginx' least_time and Traefik's leasttime. The bare
// mean herds: all calls go to one server until it collapses (15–25 % success in
// simulation). Failures never lower the response time, and that of an unused server moves
// toward the pool's median.
type leastResponseTime struct{}

func (leastResponseTime) price(r reading) price {
	return price{base: r.latency * (r.inFlight + 1) / r.weight}
}

func (leastResponseTime) choose(rows []row, j job) int { return cheapest(rows, j) }
