package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// waitDelay is how long the output of an ended process is waited for: what it started
// may hold it open.
const waitDelay = 2 * time.Second

// Process is a child.
type Process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output output
	ended  chan struct{} // closed when the process was waited for
}

func (p *Process) wait() {
	_ = p.cmd.Wait() // the outcome is in ProcessState
	p.signalGroup(syscall.SIGKILL)
	close(p.ended)
}

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode is the code of an ended process, -1 when a signal ended it. It waits.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Output is the end of what the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// Tell writes a line to the input of the process.
func (p *Process) Tell(line string) error {
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		return fmt.Errorf("tell %s %q: %w", p.name, line, err)
	}
	return nil
}

// Terminate asks the process to end and does not wait.
func (p *Process) Terminate() error {
	return p.send(syscall.SIGTERM)
}

// Freeze stops the process where it is, without its knowledge, until Thaw.
func (p *Process) Freeze() error { return p.send(syscall.SIGSTOP) }

// Thaw has a frozen process go on.
func (p *Process) Thaw() error { return p.send(syscall.SIGCONT) }

// Kill ends the process and all that it started in its group, at once, and waits.
func (p *Process) Kill() {
	select {
	case <-p.ended:
		return
	default:
	}
	p.signalGroup(syscall.SIGKILL)
	<-p.ended
}

// Stop asks the process to end and kills it when it does not within the given time,
// which is an error. It is idempotent.
func (p *Process) Stop(within time.Duration) error {
	if err := p.Terminate(); err != nil {
		return err
	}
	_ = p.stdin.Close() // the roles end with their input
	select {
	case <-p.ended:
		return nil
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("%s did not end within %v and was killed", p.name, within)
	}
}

// Line waits for a line of output that begins with the prefix and returns the rest of it.
func (p *Process) Line(ctx context.Context, prefix string) (string, error) {
	for {
		for line := range strings.Lines(p.Output()) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest), nil
			}
		}
		if err := p.Pause(ctx, 5*time.Millisecond); err != nil {
			return "", fmt.Errorf("wait for %s to say %q: %w", p.name, prefix, err)
		}
	}
}

// Pause waits. It is an error when meanwhile ctx ends or the process does; that one
// carries its last words.
func (p *Process) Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ended:
		return fmt.Errorf("%s ended: %v: %s", p.name, p.cmd.ProcessState, strings.TrimSpace(p.Output()))
	}
}

func (p *Process) send(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// signalGroup reaches the process and what it started; those that are gone already do
// not matter.
func (p *Process) signalGroup(sig syscall.Signal) { _ = syscall.Kill(-p.PID(), sig) }

// maxOutput is what is kept of a process's output.
const maxOutput = 64 << 10

// output keeps the end of what is written to it. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex // guards kept
	kept []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, b...)
	if over := len(o.kept) - maxOutput; over > 0 {
		o.kept = append(o.kept[:0], o.kept[over:]...)
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}
