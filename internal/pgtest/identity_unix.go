//go:build unix

package pgtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// The ways of Postgres to shut down: sessions are cut and the log is closed, or all is
// dropped at once.
const (
	fastShutdown      = syscall.SIGINT
	immediateShutdown = syscall.SIGQUIT
)

// dirPrefix begins the name of every cluster's directory.
const dirPrefix = "upshift-postgres-"

// identity is who the server runs as; nil credentials mean this process's own user.
type identity struct {
	credential *syscall.Credential
}

// serverIdentity picks the user: Postgres refuses to run as root.
func serverIdentity() (*identity, error) {
	if os.Geteuid() != 0 {
		return &identity{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		return &identity{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("pgtest: Postgres does not run as root, and there is no user postgres or nobody to run it as")
}

// reaches reports whether the server's user may enter dir and this process write there.
func (id *identity) reaches(dir string) bool {
	path, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	if id.credential == nil {
		return true
	}
	for {
		info, err := os.Stat(path)
		if err != nil || !id.enters(info) {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}

func (id *identity) enters(dir os.FileInfo) bool {
	st, ok := dir.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return false
	case st.Uid == id.credential.Uid:
		return dir.Mode()&0o100 != 0
	case st.Gid == id.credential.Gid:
		return dir.Mode()&0o010 != 0
	}
	return dir.Mode()&0o001 != 0
}

// own gives files to the server's user.
func (id *identity) own(paths ...string) error {
	if id.credential == nil {
		return nil
	}
	for _, p := range paths {
		if err := os.Lchown(p, int(id.credential.Uid), int(id.credential.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// command is a command of the server's user that ends with ctx.
func (id *identity) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the server's own programs, found by findBinaries
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: id.credential}
	cmd.Env = serverEnv()
	return cmd
}

// serverCommand is the server itself, which outlives the context of its start but not this
// process, where the system can arrange that.
func (id *identity) serverCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...) //nolint:noctx,gosec // ends by Stop or with this process; found by findBinaries
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: id.credential, Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Env = serverEnv()
	return cmd
}

// serverEnv keeps out settings that would reach into the server, PGDATA first of all.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// lockFile creates a file and locks it for as long as it is open, so for the life of this
// process at most.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the directories of clusters whose process was killed: those that nobody
// holds locked any more, that this process made or may remove, and whose server has ended.
// What is younger than a minute is left too: it may be about to be locked. What cannot be
// removed is left: the next one tries again.
func sweep(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		lock := filepath.Join(dir, lockName)
		info, err := os.Lstat(lock)
		if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < time.Minute || !ours(info) || serverRuns(dir) {
			continue
		}
		f, err := lockFile(lock)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = f.Close()
	}
}

func ours(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// serverRuns asks for the process that the data directory names. Another process with the
// same number keeps the directory for another time.
func serverRuns(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, dataName, "postmaster.pid"))
	if err != nil {
		return false
	}
	first := string(b)
	for i, r := range first {
		if r == '\n' {
			first = first[:i]
			break
		}
	}
	pid, err := strconv.Atoi(first)
	return err == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
