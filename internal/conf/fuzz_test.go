package conf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sentientcore/upshift/internal/conf"
)

// open is a configuration without secrets: what is printed can be read again.
type open struct {
	Text   string            `conf:"text"`
	On     bool              `conf:"on"`
	Number int               `conf:"number"`
	Share  float64           `conf:"share"`
	Wait   time.Duration     `conf:"wait"`
	Bytes  int64             `conf:"max_bytes"`
	List   []string          `conf:"list"`
	Pools  map[string]int    `conf:"pools"`
	Deep   map[string]nested `conf:"deep"`
	Pairs  []pair            `conf:"pairs"`
}

type nested struct {
	Wait time.Duration `conf:"wait"`
	List []int         `conf:"list"`
}

type pair struct {
	ID    string         `conf:"id"`
	URL   string         `conf:"url"`
	Pools map[string]int `conf:"pools"`
}

// FuzzLoad: no file makes the loader panic, every fault is one line, and what a loaded
// configuration prints loads back equal.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "text: a\non: true\nnumber: 3\nshare: 0.5\nwait: 90m\nmax_bytes: 256MiB\n",
		"list: [a, 'b c', \"d\\te\"]\npools: {small: 1}\ndeep:\n  x: {wait: 3, list: [1, 2]}\n",
		"pairs:\n  - id: a\n    url: http://x:1\n  - {id: 'true', url: \"a: b\", pools: {y: 2}}\n",
		"text: |\n  a\n  b\n", "? a\n: b\n", "a: &x 1\nb: *x\n", "<<: *x\n", "[[[[", "- - -", "text: 'x\n", "\ufefftext: a\r\n",
		"pools:\n  1: 2\n  true: 3\n", "text: !!str 1", "%YAML 1.2\n---\n", "text: a\n---\ntext: b\n", "list:\n- \n- ~\n", "text: \"\\ud800\"",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "upshift.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, conf.Sources{File: path})
	})
}

// FuzzSet: the same of a value in text.
func FuzzSet(f *testing.F) {
	for _, key := range []string{"text", "on", "number", "share", "wait", "max_bytes", "list", "pools", "deep", "pairs", "pairs[0]", "deep.x.wait"} {
		for _, value := range []string{"", "a", "1", "-1", "1.5", "90m", "256MiB", "a=b", "a=1,b=2", "[a, b]", "{a: 1}", "true", "1e308", "0x7f"} {
			f.Add(key, value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		roundTrip(t, conf.Sources{Sets: []string{key + "=" + value}})
		roundTrip(t, conf.Sources{Env: []string{conf.EnvName(key) + "=" + value}})
	})
}

func roundTrip(t *testing.T, src conf.Sources) {
	t.Helper()
	var first, second open
	report, err := conf.Load(&first, src)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if line == "" || strings.Contains(line, "goroutine ") {
				t.Errorf("a fault must be one line of text: %q", err)
			}
		}
		return
	}
	var sets []string
	for _, s := range report.Settings {
		if strings.Contains(s.Value, "***") {
			return // a password was masked
		}
		sets = append(sets, s.Key+"="+s.Value)
	}
	if _, err := conf.Load(&second, conf.Sources{Sets: sets}); err != nil {
		t.Fatalf("what was printed is refused: %v\n%q", err, sets)
	}
	if d := cmp.Diff(first, second, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("what was printed loads back differently (-first +second):\n%s\n%q", d, sets)
	}
}
