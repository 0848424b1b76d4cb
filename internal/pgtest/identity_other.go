//go:build !unix

package pgtest

import (
	"context"
	"os"
	"os/exec"
)

// On this system findBinaries always answers ErrNoBinaries; what follows is never reached.
var fastShutdown, immediateShutdown = os.Kill, os.Kill

const dirPrefix = "upshift-postgres-"

type identity struct{}

func serverIdentity() (*identity, error) { return nil, ErrNoBinaries }
func (*identity) reaches(string) bool    { return false }
func (*identity) own(...string) error    { return ErrNoBinaries }
func lockFile(string) (*os.File, error)  { return nil, ErrNoBinaries }
func sweep(string)                       {}
func (*identity) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, args...)
}

func (*identity) serverCommand(name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...) //nolint:noctx // never reached
}
