package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/api"
)

// remote are the flags of commands that ask a running server.
type remote struct{ URL string }

func (r *remote) add(c *cobra.Command) {
	c.Flags().StringVar(&r.URL, "url", "", "`URL` of the server's API, such as https://host:8090. Its token is api.token:"+
		" set PERFORMANCE_API_TOKEN. Without it the server on this machine is asked.")
}

// connect returns a client of the server at URL, or of the one that runs on the data
// directory, and what to call it in errors.
func (r *remote) connect(a *app) (*api.Client, string, error) {
	cfg, _, err := a.load()
	if err != nil {
		return nil, "", err
	}
	where, token := r.URL, cfg.API.Token
	if where == "" {
		// The socket of a data directory asks for no token.
		if where, err = filepath.Abs(filepath.Join(cfg.DataDir, "api.sock")); err != nil {
			return nil, "", fmt.Errorf("find the data directory: %w", err)
		}
		token = ""
	}
	c, err := api.NewClient(where, token)
	if err != nil {
		return nil, "", usageError{err}
	}
	return c, where, nil
}

// unreachable explains why a server did not answer; other errors stay as they are.
func unreachable(err error, where string) error {
	if !notThere(err) {
		return err
	}
	return fmt.Errorf("no server answers at %s; start one with upshift serve, or name it with --data-dir or --url", where)
}

// notThere reports whether nobody listens.
func notThere(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
