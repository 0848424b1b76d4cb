package diskcache

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// victimEnv makes the test binary a process that writes to a directory until it is killed.
const victimEnv = "UPSHIFT_DISKCACHE_VICTIM"

const victimKeys = 300

// victim writes batch after batch and says on its standard output what was acknowledged: a line
// "k KEY NUMBER" for a value, "d KEY NUMBER" for a removal, "g TOKEN" for a renewal. Numbers only
// grow, over all lives.
func victim(dir string) int {
	tier, err := New(Config{Dir: dir, MaxBytes: MinBytes}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	live := make(silent)
	go func() { _ = tier.Run(context.Background(), live) }() // until the process ends
	<-live
	out := bufio.NewWriter(os.Stdout)
	for {
		var ops []cache.RemoteOp
		for range 1 + rand.IntN(20) {
			key, number := strconv.Itoa(rand.IntN(victimKeys)), time.Now().UnixNano()
			if rand.IntN(10) == 0 {
				ops = append(ops, cache.RemoteOp{Kind: cache.RemoteForget, Key: key})
				fmt.Fprintf(out, "d %s %d\n", key, number)
				continue
			}
			ops = append(ops, replaceOp(key, victimValue(key, number)))
			fmt.Fprintf(out, "k %s %d\n", key, number)
		}
		if rand.IntN(4) == 0 {
			ops = append(ops, cache.RemoteOp{Kind: cache.RemoteRenew, Names: []string{"t:tag"}})
		}
		for _, err := range tier.Apply(context.Background(), ops) {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		view, err := tier.Lookup(context.Background(), "", []string{"t:tag"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Fprintf(out, "g %s\n", view.Generations[0])
		if out.Flush() != nil {
			return 0
		}
	}
}

func victimValue(key string, number int64) string {
	text := key + " " + strconv.FormatInt(number, 10) + " "
	return text + strings.Repeat("x", int(number%4096))
}

// acknowledged is what a victim said last.
type acknowledged struct {
	number  map[string]int64
	removed map[string]bool
	token   string
	past    map[string]bool // tokens before
	batches int
}

// hear takes a line.
func (a *acknowledged) hear(t *testing.T, line string) {
	t.Helper()
	f := strings.Fields(line)
	if f[0] == "g" {
		if a.batches++; a.token != f[1] {
			a.past[a.token] = true
			a.token = f[1]
		}
		return
	}
	n, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	a.number[f[1]], a.removed[f[1]] = n, f[0] == "d"
}

// live runs a victim, kills it after some batches and takes what it said by then.
func (a *acknowledged) live(t *testing.T, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	until := a.batches + 1 + rand.IntN(60)
	for killed := false; lines.Scan(); {
		a.hear(t, lines.Text())
		if !killed && a.batches >= until {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the victim ended by itself: %v", err)
	}
}

// Killed in the middle of writing, again and again: what was acknowledged is there, or what came
// after it; nothing that was removed or replaced comes back. It is not parallel: a process that is
// being started has the files of all other tests open for a moment, and their locks.
func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	a := acknowledged{number: map[string]int64{}, removed: map[string]bool{}, past: map[string]bool{}}
	for kill := range 20 {
		a.live(t, dir)
		r := run(t, Config{Dir: dir, MaxBytes: MinBytes})
		if s := r.DiskStats(); s.Damaged > 0 || !r.Stats().Connected {
			t.Fatalf("kill %d: %+v, %+v", kill, s, r.Stats())
		}
		for key, number := range a.number {
			a.check(t, r, key, number)
		}
		if token := r.look("", "t:tag").Generations[0]; a.past[token] {
			t.Errorf("kill %d: generation %s came back", kill, token)
		}
		r.stop()
	}
	if len(a.past) < 20 || a.batches < 100 {
		t.Errorf("%d batches, %d renewals: too few to tell", a.batches, len(a.past))
	}
}

func (a *acknowledged) check(t *testing.T, r *running, key string, number int64) {
	t.Helper()
	v := r.look(key)
	if v.Value == nil {
		// A removal that was not acknowledged may have been done.
		if !a.removed[key] && v.Version == "" {
			t.Errorf("%s: %d was acknowledged and is gone", key, number)
		}
		return
	}
	f := strings.Fields(string(v.Value))
	found, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || f[0] != key || string(v.Value) != victimValue(key, found) {
		t.Fatalf("%s: a value that nobody wrote: %.40q", key, v.Value)
	}
	if found < number || found == number && a.removed[key] {
		t.Errorf("%s: %d came back, %d was acknowledged", key, found, number)
	}
}
