package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// stopTimeout is how long a server may take to shut down.
const stopTimeout = 15 * time.Second

// process is the server while it runs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startProcess starts cmd with its output going to the file log. The child is started and
// waited for on one operating-system thread that lives as long as the child: the kernel
// sends the parent-death signal when the thread that forked ends, not when the process
// does.
func startProcess(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		_ = out.Close() // the server wrote it, not this process
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// stop sends the signal and waits; a server that does not end in time is killed.
func (p *process) stop(sig os.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		<-p.done // the only reason: it has ended
		return nil
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("pgtest: kill the server: %w", err)
	}
	<-p.done
	return fmt.Errorf("pgtest: the server did not stop within %v and was killed", stopTimeout)
}
