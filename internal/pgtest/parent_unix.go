//go:build unix && !linux

package pgtest

import "syscall"

// endWithParent does nothing: this system has no parent-death signal.
func endWithParent(*syscall.SysProcAttr) {}
