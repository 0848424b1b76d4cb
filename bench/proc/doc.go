// Package proc starts child processes for measurements and sees to it that none is left.
//
// A [Set] starts processes and stops all of them when it is closed, the youngest first.
// Each is the leader of a process group of its own, so that a Ctrl-C on the terminal
// reaches only the parent, which then stops its children in order, and so that a kill
// reaches what the child started. On Linux the kernel ends the children of a parent that
// was itself killed.
//
// [Process.Usage] reads processor time and memory from /proc; it needs Linux.
package proc
