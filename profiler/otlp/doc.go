// Package otlp receives spans of any language by OTLP over HTTP, records them as calls in package
// profiler, and says where the time of whole traces went: by operation, by agent and by run.
//
// Use it where the programs to be watched are not in Go, or are many:
//
//	receiver := otlp.NewReceiver(p)
//	mux.Handle("POST /v1/traces", receiver)
//	go receiver.Run(ctx)
//
// # What it makes of spans
//
// Spans are gathered by trace until none has come for five seconds. Then each is recorded under
// its service and name, without the time of the spans inside it as self time, and the critical path is
// followed: from the end of the trace backwards, always into the span that ended last, so that
// every moment belongs to one operation. What runs beside it, and ends earlier, does not hold the trace up.
//
// Agents, tools, models and tokens are read from the GenAI conventions of OpenTelemetry, today's (gen_ai.provider.name,
// gen_ai.usage.input_tokens) and earlier ones (gen_ai.system, gen_ai.usage.prompt_tokens), and from OpenInference. A span
// belongs to the agent of the nearest span above it that names one.
//
// # What is bounded
//
// A request: 4 MiB, also unzipped, and 10,000 spans; four at once. Gathered: 20,000 spans in all and
// 2,000 of a trace; the trace that is quiet for longest makes room. Operations and agents: 512 of each, further ones are
// counted together. Runs kept: the 20 slowest of the last hour.
//
// # What it does not do
//
// It does not serve OTLP over gRPC: point exporters at HTTP (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf). It keeps no spans: a trace
// that was looked at is figures. Spans that come after that are recorded without their trace. It
// receives no logs and no metrics. Clocks of different machines are taken as they are.
package otlp
