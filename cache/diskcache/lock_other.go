//go:build !windows && (!unix || aix || solaris)

package diskcache

import (
	"errors"
	"os"
)

// lock refuses: without it two processes could write the same files.
func lock(*os.File) error { return errors.ErrUnsupported }
