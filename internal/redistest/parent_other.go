//go:build !linux

package redistest

import "syscall"

// attributes are none: this system has no parent-death signal.
func attributes() *syscall.SysProcAttr { return nil }
