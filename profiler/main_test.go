package profiler

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newProfiler(tb testing.TB, cfg Config) *Profiler {
	tb.Helper()
	p, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func mustFunction(tb testing.TB, p *Profiler, name string) FunctionStats {
	tb.Helper()
	s, ok := p.Function(name)
	if !ok {
		tb.Fatalf("function %q is not known", name)
	}
	return s
}
