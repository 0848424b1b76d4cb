package llm_test

import (
	"testing"
	"time"

	"github.com/sentientcore/upshift/gateway/llm"
)

func BenchmarkDefaultPrices(b *testing.B) {
	for b.Loop() {
		if _, err := llm.DefaultPrices(); err != nil {
			b.Fatal(err)
		}
	}
}

// One event of a stream, of 200 bytes.
func BenchmarkMeterEvent(b *testing.B) {
	event := []byte(`data: {"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk","created":1741570283,` +
		`"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}` + "\n\n")
	m := llm.NewMeter(llm.ChatCompletions, true, "")
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		m.Write(event, time.Millisecond)
	}
}

func BenchmarkRecord(b *testing.B) {
	p, err := llm.DefaultPrices()
	if err != nil {
		b.Fatal(err)
	}
	l := llm.NewLedger(p)
	c := call("gpt-4o", llm.Usage{Input: 100, Output: 10})
	c.Labels = llm.Labels{Agent: "a", Run: "r", Step: "s", Tenant: "t"}
	b.ReportAllocs()
	for b.Loop() {
		l.Record(c)
	}
}
