package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/api"
)

func newToken(a *app) *cobra.Command {
	return a.group("token", "Make, list and revoke tokens of the API.", newTokenCreate(a), newTokenList(a), newTokenRevoke(a))
}

// tokens is where tokens are: a running server, or a data directory that no server uses.
type tokens interface {
	create(ctx context.Context, spec api.NewToken) (api.CreatedToken, error)
	list(ctx context.Context) ([]api.Token, error)
	revoke(ctx context.Context, id string) error
}

// withTokens calls do with the tokens of the running server, or else with those of the
// data directory.
func (r *remote) withTokens(parent context.Context, a *app, do func(context.Context, tokens) error) error {
	client, where, err := r.connect(a)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(parent, askTimeout)
	defer cancel()
	err = do(ctx, online{client})
	if !notThere(err) || r.URL != "" {
		return unreachable(err, where)
	}
	cfg, _, err := a.load()
	if err != nil {
		return err
	}
	store, err := api.OpenTokens(cfg.DataDir)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, offline{store}), store.Close())
}

// online are the tokens of a server.
type online struct{ client *api.Client }

func (o online) create(ctx context.Context, spec api.NewToken) (made api.CreatedToken, err error) {
	body := struct {
		Name    string    `json:"name"`
		Role    api.Role  `json:"role"`
		Expires time.Time `json:"expires,omitzero"`
	}{spec.Name, spec.Role, spec.Expires}
	return made, o.client.Post(ctx, "/tokens", body, &made)
}

func (o online) list(ctx context.Context) (all []api.Token, err error) {
	return all, o.client.Get(ctx, "/tokens", &all)
}

func (o online) revoke(ctx context.Context, id string) error {
	return o.client.Delete(ctx, "/tokens/"+url.PathEscape(id), nil)
}

// offline are the tokens of a data directory.
type offline struct{ store *api.Tokens }

func (o offline) create(_ context.Context, spec api.NewToken) (api.CreatedToken, error) {
	token, secret, err := o.store.Create(spec)
	return api.CreatedToken{Token: token, Secret: secret}, err
}

func (o offline) list(context.Context) ([]api.Token, error) { return o.store.List(), nil }

func (o offline) revoke(_ context.Context, id string) error { return o.store.Revoke(id) }

// tokenCreateCmd is upshift token create.
type tokenCreateCmd struct {
	remote
	Name    string
	Role    string
	Expires time.Duration
	JSON    bool
}

func newTokenCreate(a *app) *cobra.Command {
	t := &tokenCreateCmd{}
	c := a.command("create", "Make a token and print its secret, which is shown this once.", t.run,
		argument{"name", "What the token is for, such as grafana.", &t.Name})
	t.add(c)
	choose(c, &t.Role, "role", "viewer", "`ROLE`, what it may do", "viewer", "operator", "admin")
	c.Flags().DurationVar(&t.Expires, "expires", 0, "`DURATION` it is good for, such as 720h. Without it: until it is revoked.")
	c.Flags().BoolVar(&t.JSON, "json", false, jsonHelp)
	return c
}

// run prints the secret alone on standard output, so that it can be put into a variable.
func (c *tokenCreateCmd) run(ctx context.Context, a *app) error {
	role, err := api.ParseRole(c.Role)
	if err != nil {
		return usageError{err}
	}
	spec := api.NewToken{Name: c.Name, Role: role}
	switch {
	case c.Expires < 0:
		return usageError{fmt.Errorf("--expires: must not be negative (got %v)", c.Expires)}
	case c.Expires > 0:
		spec.Expires = time.Now().UTC().Add(c.Expires).Truncate(time.Second)
	}
	return c.withTokens(ctx, a, func(ctx context.Context, t tokens) error {
		made, err := t.create(ctx, spec)
		if err != nil {
			return misnamed(err)
		}
		if c.JSON {
			return a.json(made)
		}
		fmt.Fprintf(a.stderr, "token %s (%s, %s): keep the secret now, it is not shown again\n", made.ID, made.Name, made.Role)
		_, err = fmt.Fprintln(a.stdout, made.Secret)
		return err
	})
}

// misnamed makes what the caller can mend a usage error.
func misnamed(err error) error {
	if errors.Is(err, api.ErrTokenName) || errors.Is(err, api.ErrTokenExpiry) {
		return usageError{err}
	}
	return err
}

// tokenListCmd is upshift token list.
type tokenListCmd struct {
	remote
	JSON bool
}

func newTokenList(a *app) *cobra.Command {
	t := &tokenListCmd{}
	c := a.command("list", "List the tokens; secrets are not kept.", t.run)
	t.add(c)
	c.Flags().BoolVar(&t.JSON, "json", false, jsonHelp)
	return c
}

// run lists the tokens, oldest first.
func (c *tokenListCmd) run(ctx context.Context, a *app) error {
	return c.withTokens(ctx, a, func(ctx context.Context, t tokens) error {
		all, err := t.list(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return a.json(all)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tROLE\tCREATED\tEXPIRES\tLAST USED")
		for _, t := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Role,
				stamp(t.Created, ""), stamp(t.Expires, "never"), stamp(t.LastUsed, "never"))
		}
		return w.Flush()
	})
}

func stamp(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

// tokenRevokeCmd is upshift token revoke.
type tokenRevokeCmd struct {
	remote
	ID string
}

func newTokenRevoke(a *app) *cobra.Command {
	t := &tokenRevokeCmd{}
	c := a.command("revoke", "End a token, and every login made with it.", t.run,
		argument{"id", "The id of the token, as upshift token list shows it.", &t.ID})
	t.add(c)
	return c
}

// run ends the token.
func (c *tokenRevokeCmd) run(ctx context.Context, a *app) error {
	return c.withTokens(ctx, a, func(ctx context.Context, t tokens) error {
		if err := t.revoke(ctx, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.stdout, "token %s revoked\n", c.ID)
		return err
	})
}
