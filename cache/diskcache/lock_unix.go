//go:build unix && !aix && !solaris

package diskcache

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the file for this process; it ends with it.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
