// Package upshift is the performance layer for multi-agent RAG systems: it stands
// between agents, their LLM, retriever and tool backends and their Postgres, and
// shows where time and money go, caches, balances load, watches, alerts and tunes.
//
// Use it whole, through [Manager], or take one part alone: packages cache,
// balancer, profiler, memory and postgres stand on their own feet and import
// nothing of each other.
//
//	cfg := upshift.DefaultConfig()
//	cfg.LoadBalancer.Servers = []balancer.ServerConfig{{ID: "llm-1", URL: "http://127.0.0.1:9001"}}
//	m, err := upshift.New(cfg, upshift.Collaborators{Logger: slog.Default()})
//	if err != nil {
//		return err
//	}
//	return m.Run(ctx)
//
// It does not run agents, prompts or models of its own.
package upshift
