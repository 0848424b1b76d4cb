package profiler

import (
	"strings"
	"testing"
)

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"", "rag.search", "\x00\xff", strings.Repeat("é", 150), "a\nb", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := cleanName(name)
		if got == "" || len(got) > maxNameBytes || strings.ToValidUTF8(got, "") != got ||
			strings.ContainsAny(got, "\n\x00\x7f") {
			t.Errorf("cleanName(%q) = %q", name, got)
		}
		if again := cleanName(got); again != got {
			t.Errorf("cleanName is not idempotent: %q, then %q", got, again)
		}
	})
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, header string) {
		if id := parseTraceparent(header); id != "" && (len(id) != 32 || !strings.Contains(header, id)) {
			t.Errorf("parseTraceparent(%q) = %q", header, id)
		}
	})
}
