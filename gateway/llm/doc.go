// Package llm reads calls of language models as they pass, and keeps accounts of them: which model,
// how many tokens, at what cost, how fast, and for whom.
//
// It is used by package gateway and stands on nothing of it, so that it serves any proxy:
//
//	api := llm.Recognise(r.Method, r.URL.Path)
//	asked := llm.NewRequest(api, r.URL.Path)   // is written the body of the request
//	meter := llm.NewMeter(api, isStream, encoding) // is written the body of the answer
//	…
//	ledger.Record(llm.Call{API: api, Asked: asked.Asked(), Labels: llm.LabelsOf(r.Header), Answer: meter.End(), …})
//
// Known are OpenAI's chat completions, their older form, responses and embeddings, with those of
// vLLM, Ollama and others who follow it, and Anthropic's messages, streamed or in one piece.
//
// # How it reads
//
// Bodies are read piece by piece as they pass: a few values are picked out of them, nothing else is
// kept and nothing changed, so that the length of a body does not matter. Nothing is an error: what
// is not known says nothing. A path alone makes no call of a language model; a model must be named
// too.
//
// Tokens are those that servers count, brought to one convention: cached ones are a part of the
// input, reasoning a part of the output. An answer that does not say what it used is counted as
// unmetered, not as nothing; a stream of OpenAI's chat completions says so only when asked to, by
// stream_options.include_usage.
//
// # Costs
//
// [Prices] are a file in YAML with the date and the source of its figures. One comes with the
// package. What has no price there is unknown, not free.
//
// # Estimates
//
// Two figures are estimates, and called so: the tokens of unmetered streams, taken for one each
// event that says something, and those that were saved when a client left, by the mean of the
// model's answers.
//
// # What it does not do
//
// It counts no tokens itself. It knows no price that depends on the length of the prompt, and none
// of tools, images or batches. Names of members that are written with escapes are not recognised.
// Of compressed answers it reads gzip, up to 1 MiB, when they have ended; others are unmetered.
package llm
