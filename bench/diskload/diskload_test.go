package diskload_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sentientcore/upshift/bench/diskload"
)

// lines passes what is said on, and ends the input when it has heard enough.
type lines struct {
	mu   sync.Mutex // guards said
	said strings.Builder
	end  func() error
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.said.Write(p)
	if strings.HasPrefix(string(p), "hits ") {
		err = l.end()
	}
	return n, err
}

// A second life finds what the first one has stored, and does not fill the directory again.
func TestTwoLives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for life, want := range []string{"filled", "hits "} {
		in, ends := io.Pipe()
		out := &lines{end: ends.Close}
		if err := diskload.Run(t.Context(), []string{"2000", dir}, in, out); err != nil {
			t.Fatal(err)
		}
		said := strings.Split(out.said.String(), "\n")
		if !strings.HasPrefix(said[0], "open ") || !strings.HasPrefix(said[1], want) || strings.HasPrefix(said[1], "hits 0") {
			t.Errorf("life %d said %q", life, said)
		}
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"x", t.TempDir()}, {"0", t.TempDir()}} {
		if err := diskload.Run(t.Context(), args, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
