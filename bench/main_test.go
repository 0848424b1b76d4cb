package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

// TestMain lets the test program play the roles, as the built one does.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == roleArg {
		os.Exit(asRole(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestUsageFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"unknown bar", []string{"gateway", "nothing"}, `there is no bar "nothing"`, exitUsage},
		{"no rounds", []string{"-rounds", "0"}, "-rounds must be between 1 and 100", exitUsage},
		{"unknown flag", []string{"-nothing"}, "flag provided but not defined", exitUsage},
		{"no size", []string{"-sizes", "10,0", "hitratio"}, "is no number from 1 to", exitUsage},
		{"no program", []string{"-upshift", "/no/such/program", "idle"}, "make build", exitFault},
		{"help", []string{"-h"}, "usage: bench", exitFine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &errs); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if !strings.Contains(errs.String(), tt.want) {
				t.Errorf("got %q, want %q in it", errs.String(), tt.want)
			}
		})
	}
}

func TestRunReportsWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	program := filepath.Join(root, "upshift")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho broken\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-root", root, "-upshift", program, "start"}, &out, &errs)
	if code != exitFault || !strings.Contains(out.String(), "MISS") || !strings.Contains(out.String(), "broken") {
		t.Errorf("code %d: %s%s", code, out.String(), errs.String())
	}
	written, err := filepath.Glob(filepath.Join(root, "bench", "out", "*.json"))
	if err != nil || len(written) != 1 {
		t.Errorf("written: %v, %v", written, err)
	}
}

// testRig starts roles from the test program itself.
func testRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Set: proc.NewSet(), self: os.Args[0], dir: t.TempDir(), report: newReport(&bytes.Buffer{}, Facts{})}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRolesAnswerInProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := testRig(t)
	direct, err := r.backend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, bare, err := r.bare(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	if p.PID() == os.Getpid() {
		t.Error("the proxy is this process")
	}
	for _, target := range []load.Target{direct, bare} {
		resp, err := http.Get("http://" + target.Addr + "/item")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %s", target.Name, resp.Status)
		}
	}
}

func TestRivalsAnswer(t *testing.T) {
	t.Parallel()
	for name, config := range rivals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := testRig(t)
			direct, err := r.backend(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c, err := r.rival(t.Context(), name, direct, config)
			if errors.Is(err, os.ErrNotExist) || strings.Contains(fmt.Sprint(err), "not found") {
				t.Skipf("%s is not installed: this rival is optional", name)
			}
			if err != nil {
				t.Fatal(err)
			}
			o, err := load.Streams(t.Context(), c.Target, load.StreamPlan{Path: "/stream?n=3", Readers: 1, Each: 2, Tokens: 3})
			if err != nil || len(o.FirstByte) != 2 {
				t.Errorf("%d streams, %v", len(o.FirstByte), err)
			}
		})
	}
}

func TestTimesAreFoundInWhatTheTestPrints(t *testing.T) {
	t.Parallel()
	text := "ok 1\nCPU 1x slower, median of 5 loads: first paint 61 ms, figures and controls 87 ms, charts 120 ms, 70 KB\n" +
		"CPU 4x slower, median of 5 loads: first paint 261 ms, figures and controls 287 ms, charts 320 ms, 70 KB\n"
	for slowdown, want := range map[int]float64{1: 87, 4: 287} {
		if got, err := usable(text, slowdown); got != want || err != nil {
			t.Errorf("slowed down by %d: got %v, %v; want %v", slowdown, got, err, want)
		}
	}
	if _, err := usable("ok 1\n", 1); err == nil {
		t.Error("a text without times has one")
	}
}
