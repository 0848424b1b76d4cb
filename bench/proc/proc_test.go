package proc

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test program one of the children below.
const childEnv = "PROC_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "fine": // ends when asked to
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("ready at last")
		<-asked
		os.Exit(0)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour) // it is killed before
	case "fault":
		fmt.Fprintln(os.Stderr, "no such luck")
		os.Exit(3)
	case "parent": // starts a child of its own and never ends it
		p, err := NewSet().Start(child("stubborn"))
		if err != nil {
			panic(err)
		}
		if _, err := p.Line(context.Background(), "ready"); err != nil {
			panic(err)
		}
		fmt.Println("child", p.PID())
		time.Sleep(time.Hour) // it is killed before
	}
}

func child(kind string) Command {
	return Command{Name: kind, Path: os.Args[0], Env: []string{childEnv + "=" + kind}}
}

func start(t *testing.T, set *Set, kind, ready string) (*Process, string) {
	t.Helper()
	p, err := set.Start(child(kind))
	if err != nil {
		t.Fatal(err)
	}
	line, err := p.Line(t.Context(), ready)
	if err != nil {
		t.Fatal(err)
	}
	return p, line
}

func newSet(t *testing.T) *Set {
	t.Helper()
	s := NewSet()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func alive(pid int) bool {
	// A zombie that nobody has waited for yet has ended too.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestStopAsksFirst(t *testing.T) {
	t.Parallel()
	p, line := start(t, newSet(t), "fine", "ready ")
	if line != "at last" {
		t.Errorf("read %q, want the rest of the line", line)
	}
	for range 2 { // it is idempotent
		if err := p.Stop(time.Minute); err != nil {
			t.Error(err)
		}
	}
	if code := p.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	t.Parallel()
	p, _ := start(t, newSet(t), "stubborn", "ready")
	if err := p.Stop(time.Millisecond); err == nil || !strings.Contains(err.Error(), "stubborn") {
		t.Errorf("got %v, want an error that names it", err)
	}
	if code := p.ExitCode(); code != -1 {
		t.Errorf("exit code %d, want -1 for a signal", code)
	}
	if alive(p.PID()) {
		t.Error("it lives")
	}
}

func TestChildrenEndWithTheirParent(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux")
	}
	p, line := start(t, newSet(t), "parent", "child ")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("there is no child to begin with")
	}
	p.Kill() // the child is in a group of its own: only the kernel ends it
	for end := time.Now().Add(20 * time.Second); alive(pid); {
		if time.Now().After(end) {
			t.Fatal("the child of a killed parent lives on")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestALineThatNeverComes(t *testing.T) {
	t.Parallel()
	p, err := newSet(t).Start(child("fault"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Line(t.Context(), "ready")
	if err == nil || !strings.Contains(err.Error(), "no such luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want its last words and its exit status", err)
	}
	if code := p.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

func TestCloseStopsAll(t *testing.T) {
	t.Parallel()
	set := NewSet()
	a, _ := start(t, set, "fine", "ready")
	b, _ := start(t, set, "fine", "ready")
	for range 2 { // it is idempotent
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
	if alive(a.PID()) || alive(b.PID()) {
		t.Error("one lives")
	}
	if _, err := set.Start(child("fine")); err == nil {
		t.Error("a closed set starts processes")
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := newSet(t).Start(Command{Name: "ghost", Path: "/no/such/program"})
	if err == nil || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("got %v, want an error that names it", err)
	}
}

func TestNothingOfTheEnvironmentIsInherited(t *testing.T) {
	t.Setenv(childEnv, "stubborn")
	env, err := newSet(t).Start(Command{Name: "env", Path: "/usr/bin/env"})
	if err != nil {
		t.Skip(err)
	}
	if code := env.ExitCode(); code != 0 || env.Output() != "" {
		t.Errorf("exit code %d, environment %q", code, env.Output())
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux")
	}
	p, _ := start(t, newSet(t), "fine", "ready")
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.AnonymousBytes < 100<<10 || u.AnonymousBytes > 1<<30 {
		t.Errorf("%d bytes, want those of a small program", u.AnonymousBytes)
	}
	p.Kill()
	if _, err := p.Usage(); err == nil {
		t.Error("a process that has ended uses something")
	}
}

func TestParseCPU(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 8 0"
	for _, tt := range []struct {
		name, stat string
		want       time.Duration
		fails      bool
	}{
		{"plain", "42 (upshift)" + rest, 1750 * time.Millisecond, false},
		{"spaces and parentheses", "42 (a) b (c)" + rest, 1750 * time.Millisecond, false},
		{"short", "42 (a) S 1 2", 0, true},
		{"no name", "42 a S", 0, true},
		{"no number", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x 25 0", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseCPU(tt.stat)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %v, %v; want %v, fails %t", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestParseAnonymous(t *testing.T) {
	t.Parallel()
	got, err := parseAnonymous("Name:\ta\nVmRSS:\t  900 kB\nRssAnon:\t     512 kB\n")
	if got != 512<<10 || err != nil {
		t.Errorf("got %d, %v; want 524288", got, err)
	}
	if _, err := parseAnonymous("Name:\ta\n"); err == nil {
		t.Error("a status without RssAnon is fine")
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var o output
	for n := range 3 * maxOutput / 8 {
		fmt.Fprintf(&o, "%07d\n", n)
	}
	text := o.String()
	if want := fmt.Sprintf("%07d\n", 3*maxOutput/8-1); len(text) != maxOutput || !strings.HasSuffix(text, want) {
		t.Errorf("%d bytes that end in %q", len(text), text[len(text)-8:])
	}
}
