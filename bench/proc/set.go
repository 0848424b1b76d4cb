package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Command says what to start.
type Command struct {
	// Name is used in errors.
	Name string
	Path string
	Args []string
	// Env is the whole environment, nothing is inherited. Empty means an empty one.
	Env []string
	// Dir is the working directory. Empty means the parent's.
	Dir string
	// OnOrphan is the signal that the child gets when the parent was killed, on Linux.
	// Zero means SIGKILL.
	OnOrphan syscall.Signal
}

// Set starts processes and stops them. It is safe for concurrent use.
type Set struct {
	starts chan func()
	ended  chan struct{}

	mu     sync.Mutex // guards the fields below
	procs  []*Process
	closed bool
}

// NewSet returns an empty set; the caller closes it.
func NewSet() *Set {
	s := &Set{starts: make(chan func()), ended: make(chan struct{})}
	go s.starter()
	return s
}

// starter starts all children from one thread that lives as long as the set: the kernel
// sends the signal for orphans when the thread that started them ends.
func (s *Set) starter() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.ended)
	for start := range s.starts {
		start()
	}
}

// Start starts a command. Its output is kept, the end of it, for errors.
func (s *Set) Start(c Command) (*Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("start %s: %w", c.Name, os.ErrClosed)
	}
	cmd := exec.Command(c.Path, c.Args...) //nolint:gosec,noctx // it starts what it is told to; Close ends it
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.SysProcAttr = attributes(c.OnOrphan)
	cmd.WaitDelay = waitDelay
	p := &Process{name: c.Name, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p.stdin = stdin
	started := make(chan error)
	s.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go p.wait()
	s.procs = append(s.procs, p)
	return p, nil
}

// grace is how long a process has to end by itself when its set is closed.
const grace = 20 * time.Second

// Close stops every process, the youngest first, and returns when all have ended. It is
// idempotent. Its error names those that had to be killed.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, p := range slices.Backward(s.procs) {
		errs = append(errs, p.Stop(grace))
	}
	close(s.starts)
	<-s.ended
	return errors.Join(errs...)
}
