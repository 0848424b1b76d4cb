package rediscache_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

const (
	childEnv     = "REDISCACHE_TEST_CHILD" // the URL of the server makes this program a child
	childName    = "REDISCACHE_TEST_NAME"
	childCallers = 50
)

// asChild is a process of its own with a crowd that asks for one key. It is told what to do by
// lines, and tells what it does by lines: ask, finish and cancel; ready, loading and done.
func asChild(url string) error {
	remote, err := rediscache.New(patient(url), nil)
	if err != nil {
		return err
	}
	group, err := cache.NewShared(cache.Config{}, remote)
	if err != nil {
		return err
	}
	texts, err := cache.Named(group, "texts", cache.Options[string]{Codec: cache.JSON[string]{}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := make(chan error, 1)
	go func() { running <- group.Run(ctx) }()
	if !poll(func() bool { return group.Stats().Redis.Connected }) {
		return fmt.Errorf("not connected: %+v", group.Stats().Redis)
	}
	fmt.Println("ready")
	callers, leave := context.WithCancel(ctx)
	defer leave()
	finish := make(chan struct{})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "ask":
			go crowd(callers, texts, finish)
		case "finish":
			close(finish)
		case "cancel":
			leave()
		}
	}
	cancel()
	return <-running
}

// crowd asks for the key and says what came of it.
func crowd(ctx context.Context, texts *cache.Cache[string], finish <-chan struct{}) {
	var all sync.WaitGroup
	var mu sync.Mutex
	outcome := map[string]int{}
	for range childCallers {
		all.Go(func() {
			got, err := texts.GetOrLoad(ctx, "k", func(ctx context.Context) (string, error) {
				fmt.Println("loading")
				select {
				case <-finish:
					return os.Getenv(childName), nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			})
			if err != nil {
				got = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			outcome[got]++
		})
	}
	all.Wait()
	fmt.Println("done", outcome)
}

// child is such a process.
type child struct {
	*testing.T
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser

	mu    sync.Mutex // guards the fields below
	lines []string
	ended chan struct{}
}

func startChild(t *testing.T, url, name string) *child {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	c := &child{T: t, name: name, cmd: exec.Command(self), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childEnv+"="+url, childName+"="+name)
	c.cmd.Stderr = os.Stderr
	c.in, err = c.cmd.StdinPipe()
	check(t, err)
	out, err := c.cmd.StdoutPipe()
	check(t, err)
	check(t, c.cmd.Start())
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.mu.Lock()
			c.lines = append(c.lines, lines.Text())
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = c.in.Close()
		<-c.ended
		_ = c.cmd.Wait() // it may have been killed
	})
	return c
}

func (c *child) tell(line string) {
	c.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

// said is the last line that begins so.
func (c *child) said(begins string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.lines {
		if line := c.lines[len(c.lines)-1-i]; strings.HasPrefix(line, begins) {
			return line
		}
	}
	return ""
}

func (c *child) await(begins string) string {
	c.Helper()
	if !poll(func() bool { return c.said(begins) != "" }) {
		c.Fatalf("%s did not say %q: %q", c.name, begins, c.lines)
	}
	return c.said(begins)
}

// family is three processes that all ask for the same cold key.
func family(t *testing.T) []*child {
	t.Helper()
	server := redistest.Start(t)
	var all []*child
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, startChild(t, server.URL(), name))
	}
	for _, c := range all {
		c.await("ready")
	}
	for _, c := range all {
		c.tell("ask")
	}
	return all
}

// loading waits for one that loads and returns it and the others.
func loading(t *testing.T, all []*child) (leader *child, others []*child) {
	t.Helper()
	found := poll(func() bool {
		leader, others = nil, nil
		for _, c := range all {
			if c.said("loading") != "" && leader == nil {
				leader = c
			} else {
				others = append(others, c)
			}
		}
		return leader != nil
	})
	if !found {
		t.Fatal("nobody loads")
	}
	return leader, others
}

// noneLoads checks that none of them has loaded.
func noneLoads(t *testing.T, all []*child) {
	t.Helper()
	for _, c := range all {
		if c.said("loading") != "" {
			t.Errorf("%s loads, too", c.name)
		}
	}
}

func (c *child) wants(value string) {
	c.Helper()
	if got, want := c.await("done"), fmt.Sprintf("done map[%s:%d]", value, childCallers); got != want {
		c.Errorf("%s: %s, want %s", c.name, got, want)
	}
}

func TestOneProcessLoadsForAll(t *testing.T) {
	t.Parallel()
	all := family(t)
	leader, others := loading(t, all)
	leader.tell("finish")
	for _, c := range all {
		c.wants(leader.name)
	}
	noneLoads(t, others)
}

func TestAKilledProcessIsReplacedByOne(t *testing.T) {
	t.Parallel()
	leader, others := loading(t, family(t))
	noneLoads(t, others)
	check(t, leader.cmd.Process.Kill())
	killed := time.Now()
	next, rest := loading(t, others)
	t.Logf("taken over after %v", time.Since(killed))
	next.tell("finish")
	for _, c := range others {
		c.wants(next.name)
	}
	noneLoads(t, rest)
}

func TestACancelledProcessIsReplacedByOne(t *testing.T) {
	t.Parallel()
	leader, others := loading(t, family(t))
	noneLoads(t, others)
	leader.tell("cancel")
	leader.wants(context.Canceled.Error())
	next, rest := loading(t, others)
	next.tell("finish")
	for _, c := range others {
		c.wants(next.name)
	}
	noneLoads(t, rest)
}
