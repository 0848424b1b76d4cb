//go:build unix

package advise

import (
	"os"
	"syscall"
)

// sameOwner gives a file the owner of another.
func sameOwner(path, other string) error {
	info, err := os.Stat(other)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil // it is ours, and so is the other
	}
	return os.Chown(path, int(stat.Uid), int(stat.Gid))
}
