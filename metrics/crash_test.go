package metrics

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// crashSeries is the number of series that the killed process appends to.
const crashSeries = 50

// appendForever appends gatherings, one second of their own time apart, and writes the
// number of each to standard output once Append has counted all of it. It returns only when
// something fails.
func appendForever(dir string) error {
	s, err := Open(dir, Config{}, nil)
	if err != nil {
		return err
	}
	first := 0
	if newest := s.count.newest.Load(); newest > 0 {
		first = int(time.UnixMilli(newest).Sub(origin())/time.Second) + 1
	}
	for i := first; ; i++ {
		families := make([]*dto.MetricFamily, crashSeries)
		for j := range families {
			families[j] = counter("crash_total", float64(i), "n", strconv.Itoa(j))
		}
		n, err := s.Append(context.Background(), origin().Add(time.Duration(i)*time.Second), families)
		if err != nil || n != crashSeries {
			return fmt.Errorf("stored %d of gathering %d: %w", n, i, err)
		}
		if _, err := fmt.Println(i); err != nil {
			return err
		}
	}
}

// A process that is killed loses no sample that it was told is stored, again and again.
func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := -1
	for round := range 5 {
		acknowledged = killWhileAppending(t, dir, acknowledged, 200+97*round)
		s, err := Open(dir, Config{}, nil)
		if err != nil {
			t.Fatalf("round %d: open after kill -9: %v", round, err)
		}
		at := origin().Add(time.Duration(acknowledged) * time.Second)
		span := strconv.Itoa(acknowledged+1) + "s"
		got := valueOf(t, s, `min(count_over_time(crash_total[`+span+`]))`, at)
		if got != float64(acknowledged+1) {
			t.Errorf("round %d: %v gatherings are stored, %d were acknowledged", round, got, acknowledged+1)
		}
		if got := valueOf(t, s, `count(crash_total == `+strconv.Itoa(acknowledged)+`)`, at); got != float64(crashSeries) {
			t.Errorf("round %d: %v series of the last gathering, want %d", round, got, crashSeries)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killWhileAppending runs a process until it has acknowledged more gatherings, kills it, and
// returns the number of the last one that it told of.
func killWhileAppending(t *testing.T, dir string, last, more int) int {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for killed := false; lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // the kill came in the middle of a line: it was not told
		}
		last = n
		if more--; more <= 0 && !killed {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the process ended by itself: %v %s", err, stderr.String())
	}
	return last
}
