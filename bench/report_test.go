package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		row  Row
		want string
	}{
		{"below the most", Row{Figure: 1, Most: most(1)}, "PASS"},
		{"above the most", Row{Figure: 1.01, Most: most(1)}, "MISS"},
		{"above the least", Row{Figure: .9, Least: least(.9)}, "PASS"},
		{"below the least", Row{Figure: .89, Least: least(.9)}, "MISS"},
		{"informs only", Row{Figure: 99}, "-"},
		{"on a busy machine", Row{Figure: .1, Most: most(1), Noisy: true}, "NOISY"},
		{"no figure", Row{Most: most(1), Error: "it did not start"}, "MISS"},
		{"no figure and no bar", Row{Error: "it did not start"}, "MISS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.row.verdict(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRowIsOneLine(t *testing.T) {
	t.Parallel()
	row := Row{
		Bar: "gateway: added p99", Figure: .5, Unit: "ms", Most: most(1), Rival: &Rival{"ReverseProxy", .25}, Note: "open loop",
	}
	got := strings.Join(strings.Fields(row.String()), " ")
	if want := "gateway: added p99 0.500 ms ≤ 1 PASS ReverseProxy 0.250 2.00× open loop"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(row.String(), "\n") {
		t.Error("more than one line")
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   float64
		want string
	}{{0, "0"}, {5, "5"}, {-.25, "-0.250"}, {9.99949, "9.999"}, {45.678, "45.7"}, {123.4, "123"}, {41234.5, "41234"}} {
		if got := number(tt.in); got != tt.want {
			t.Errorf("number(%v) is %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestReportPassesWhenEveryBarDoes(t *testing.T) {
	t.Parallel()
	r := newReport(io.Discard, Facts{})
	if r.passed() {
		t.Error("an empty report passes")
	}
	r.add(Row{Bar: "a", Figure: 1, Most: most(2)})
	if !r.passed() {
		t.Error("a report with a kept bar does not pass")
	}
	r.fail("b", errors.New("it did\nnot start"))
	if r.passed() {
		t.Error("a report with a failed measurement passes")
	}
	if got := r.Rows[1].Error; got != "it did not start" {
		t.Errorf("got %q, want one line", got)
	}
	r.fail("c", context.Canceled)
	if got := r.Rows[2].Error; got != "interrupted" {
		t.Errorf("got %q", got)
	}
}

func TestReportIsWrittenAsTextAndJSON(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	r := newReport(io.Discard, Facts{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc", Cores: 2, CPU: "a processor"})
	r.add(Row{Bar: "a", Figure: 1, Most: most(2), Rival: &Rival{"b", 3}})
	path, err := r.write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "20260102-030405-abc.txt"); path != want {
		t.Errorf("got %s, want %s", path, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"commit abc", "2 × a processor", "PASS"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	data, err := os.ReadFile(strings.TrimSuffix(path, ".txt") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Rows) != 1 || *back.Rows[0].Most != 2 || back.Rows[0].Rival.Figure != 3 || back.Facts.Commit != "abc" {
		t.Errorf("got %+v", back)
	}
}
