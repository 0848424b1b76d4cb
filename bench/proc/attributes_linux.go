package proc

import "syscall"

func attributes(onOrphan syscall.Signal) *syscall.SysProcAttr {
	if onOrphan == 0 {
		onOrphan = syscall.SIGKILL
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: onOrphan}
}
