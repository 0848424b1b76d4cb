// Package demo is a small multi-agent RAG system with faults planted in it, and Upshift in
// front of it: what upshift demo runs.
//
// Use it to see Upshift at work without a key, a network or a set-up, and to measure it
// under a known load:
//
//	d, err := demo.New(demo.Config{Rate: 50, Output: os.Stdout})
//	if err != nil {
//		return err
//	}
//	return d.Run(ctx) // until ctx ends
//
// # What runs
//
// Two replicas of one service listen on loopback, each a real HTTP server with all agents
// in it: a planner (POST /ask) that calls a retriever (GET /retrieve), an embedder
// (POST /v1/embeddings), a reranker (POST /rerank) and a model that streams tokens
// (POST /v1/chat/completions). The agents call each other through the gateway, so one
// question crosses it five times, each time to the replica that the balancer picks. The
// retriever reads a real Postgres when one can be started, else the same text from memory.
// Users are a load generator in this process: bursty arrivals over a compressed day,
// popular and rare questions, short and long answers, and people who leave before the end.
//
// # What is wrong with it
//
// The faults are there to be found, and come back on a fixed schedule:
//
//   - rag-slow needs 2.5 times as long as rag-fast for a token, always.
//   - rag-slow misbehaves every three minutes: from 0:45 it is five times slower still, from
//     1:15 it answers 500 and fails its health check, at 1:35 it heals. See [MoodAt].
//   - The table chunks has no index on document_id: the retriever's second query scans it.
//   - Every 15 seconds the curator holds a row lock while it waits for the model, and the
//     reader's update of that row takes more than a second.
//
// # What it does not do
//
// The model does not think: its words are drawn from the retrieved text. Times are those of
// timers, not of a GPU; compare ratios.
package demo
