package llm

// Stats are the figures of a [Ledger] since it was made.
type Stats struct {
	// Prices are those in force.
	Prices PriceInfo `json:"prices"`
	// APIs are calls by interface.
	APIs map[string]uint64 `json:"apis"`
	// Total is all calls but those for the list of models; the others are the same by name, Steps
	// by agent/step. What has no name is "none", what is beyond a bound "other".
	Total   Figures            `json:"total"`
	Models  map[string]Figures `json:"models"`
	Agents  map[string]Figures `json:"agents"`
	Steps   map[string]Figures `json:"steps"`
	Tenants map[string]Figures `json:"tenants"`
	// Runs are the runs used last, at most [MaxRuns], the newest first.
	Runs []Run `json:"runs"`
}

// Stats returns the figures.
func (l *Ledger) Stats() Stats {
	s := Stats{
		Prices: l.prices.Load().Info(), APIs: map[string]uint64{}, Total: l.total.read(), Models: l.models.read(),
		Agents: l.agents.read(), Steps: l.steps.read(), Tenants: l.tenants.read(), Runs: l.runs.read(),
	}
	for api := ChatCompletions; api < apis; api++ {
		s.APIs[api.String()] = l.apis[api].Load()
	}
	return s
}
