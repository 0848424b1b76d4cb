package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout = 30 * time.Second
	readyPoll    = 25 * time.Millisecond

	preload  = "pg_stat_statements"
	dataName = "data"
	logName  = "server.log"
	lockName = "owner.lock"
)

// Cluster is a running Postgres server. Its methods may be called from any goroutine.
type Cluster struct {
	dir      string
	bin      string
	port     int
	password string
	owner    *identity
	lock     *os.File
	preload  bool
	settings []string

	mu     sync.Mutex // guards the fields below and serialises the verbs
	server *process
	gone   bool
}

// StartCluster makes and starts a server in a fresh directory below dir and returns when
// it answers. An empty dir means the system's temporary directory, which is also used when
// dir cannot be reached by the user that the server runs as. ctx bounds the start only.
// Without Postgres on the machine the error is [ErrNoBinaries]. Stop it in the end. Settings of the server, such as
// "shared_buffers=1GB", go before those that it would have.
func StartCluster(ctx context.Context, dir string, settings ...string) (*Cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	owner, err := serverIdentity()
	if err != nil {
		return nil, err
	}
	if dir == "" || !owner.reaches(dir) {
		dir = os.TempDir()
	}
	sweep(dir)
	c := &Cluster{bin: bin, owner: owner, password: randomPassword(), preload: true, settings: settings}
	if err := c.make(ctx, dir); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.firstStart(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// URL is the connection string of the superuser and the database postgres.
func (c *Cluster) URL() string { return c.URLFor("postgres", c.password, "postgres") }

// URLFor is the connection string of another user or database.
func (c *Cluster) URLFor(user, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Password is the superuser's.
func (c *Cluster) Password() string { return c.password }

// HasStatements tells whether pg_stat_statements is loaded.
func (c *Cluster) HasStatements() bool { return c.preload }

// Stop shuts the server down and removes its directory. It is idempotent.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil
	}
	c.gone = true
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.stop(fastShutdown))
		c.server = nil
	}
	if c.dir != "" {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	return errors.Join(errs...)
}

// Kill ends the server at once, as a crash does: clients lose their connections and the
// next [Cluster.Restart] recovers from the log.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	err := c.server.stop(immediateShutdown)
	c.server = nil
	return err
}

// Restart starts the server again on the same port with the same data, after a Kill or
// instead of what runs now.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return errors.New("pgtest: the cluster was stopped")
	}
	if c.server != nil {
		err := c.server.stop(fastShutdown)
		c.server = nil
		if err != nil {
			return err
		}
	}
	return c.start(ctx)
}

// make creates the directory and runs initdb in it.
func (c *Cluster) make(ctx context.Context, parent string) error {
	dir, err := os.MkdirTemp(parent, dirPrefix)
	if err != nil {
		return fmt.Errorf("pgtest: make a directory: %w", err)
	}
	c.dir = dir
	if c.lock, err = lockFile(filepath.Join(dir, lockName)); err != nil {
		return fmt.Errorf("pgtest: mark the directory as ours: %w", err)
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("pgtest: write the password: %w", err)
	}
	if err := c.owner.own(dir, secret); err != nil {
		return fmt.Errorf("pgtest: hand the directory over: %w", err)
	}
	cmd := c.owner.command(ctx, filepath.Join(c.bin, "initdb"), "-D", filepath.Join(dir, dataName), "-U", "postgres",
		"--pwfile="+secret, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w: %s", err, lastLines(string(out)))
	}
	return os.Remove(secret)
}

// firstStart starts the server, on another port when one was taken in between, and without
// pg_stat_statements when the server does not have it.
func (c *Cluster) firstStart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for range 4 {
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.start(ctx); err == nil {
			break
		}
		switch {
		case ctx.Err() != nil:
			return err
		case c.preload && strings.Contains(err.Error(), preload):
			c.preload = false
		case !strings.Contains(err.Error(), "in use"):
			return err
		}
	}
	if err != nil || !c.preload {
		return err
	}
	return c.exec(ctx, "CREATE EXTENSION "+preload)
}

// start runs the server and waits until it answers; c.mu is held.
func (c *Cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	settings := []string{
		"port=" + strconv.Itoa(c.port), "listen_addresses=127.0.0.1", "unix_socket_directories=",
		"fsync=off", "full_page_writes=off",
		"shared_buffers=32MB", "max_connections=60", "max_wal_size=256MB",
		"log_line_prefix=%t ", "logging_collector=off",
	}
	if c.preload {
		settings = append(settings, "shared_preload_libraries="+preload)
	}
	args := []string{"-D", filepath.Join(c.dir, dataName)}
	for _, s := range append(settings, c.settings...) {
		args = append(args, "-c", s)
	}
	log := filepath.Join(c.dir, logName)
	server, err := startProcess(c.owner.serverCommand(filepath.Join(c.bin, "postgres"), args...), log)
	if err != nil {
		return fmt.Errorf("pgtest: start postgres: %w", err)
	}
	if err := c.awaitReady(ctx, server); err != nil {
		return errors.Join(
			fmt.Errorf("pgtest: start postgres: %w: %s", err, tail(log)), server.stop(immediateShutdown))
	}
	c.server = server
	return nil
}

// awaitReady returns when the server answers, has ended, or ctx ends.
func (c *Cluster) awaitReady(ctx context.Context, server *process) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := c.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-server.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// exec runs one statement as the superuser.
func (c *Cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return fmt.Errorf("pgtest: connect: %w", err)
	}
	_, err = conn.Exec(ctx, sql)
	if err != nil {
		err = fmt.Errorf("pgtest: %s: %w", sql, err)
	}
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // bound to loopback and closed at once
	if err != nil {
		return 0, fmt.Errorf("pgtest: find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("pgtest: find a free port: %w", err)
	}
	return port, nil
}

func randomPassword() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// tail returns the end of the server's log.
func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(b))
}

func lastLines(text string) string {
	const lines = 6
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "; ")
}
