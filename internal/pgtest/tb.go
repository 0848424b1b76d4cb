package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// TB is what the helpers need of a *testing.T or *testing.B. The package testing itself is
// not imported: programs link this package too.
type TB interface {
	Helper()
	Cleanup(func())
	Skip(args ...any)
	Fatal(args ...any)
}

// Start returns a cluster of this test alone, which may kill and restart it. It is stopped
// when the test ends.
func Start(tb TB) *Cluster {
	tb.Helper()
	c, err := StartCluster(context.Background(), "")
	if err != nil {
		giveUp(tb, err)
		return nil
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Fatal(err)
		}
	})
	return c
}

// Shared is one cluster for all tests of a package, started by the first that needs it. The
// zero value is ready. Stop it in TestMain, after the tests.
type Shared struct {
	once    sync.Once
	cluster *Cluster
	err     error

	mu   sync.Mutex // guards the field below
	made int
}

// Cluster returns the cluster.
func (s *Shared) Cluster(tb TB) *Cluster {
	tb.Helper()
	s.once.Do(func() { s.cluster, s.err = StartCluster(context.Background(), "") })
	if s.err != nil {
		giveUp(tb, s.err)
	}
	return s.cluster
}

// Database makes a fresh, empty database for this test and returns its connection string.
// It goes away with the cluster.
func (s *Shared) Database(tb TB) string {
	tb.Helper()
	c := s.Cluster(tb)
	s.mu.Lock()
	s.made++
	name := fmt.Sprintf("test_%d", s.made)
	s.mu.Unlock()
	if err := c.exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	return c.URLFor("postgres", c.password, name)
}

// Stop stops the cluster, if there is one.
func (s *Shared) Stop() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Stop()
}

// giveUp skips a test that cannot run here, and fails it where everything should be there.
func giveUp(tb TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrNoBinaries) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
	tb.Fatal(err)
}
