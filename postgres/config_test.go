package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/postgres"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c := postgres.Config{}.WithDefaults()
	if c.SlowQueryThreshold != time.Second || c.ConnectionPoolSize != 20 || c.QueryCacheSize != 1000 || c.URL != "" ||
		c.PollInterval <= 0 || c.ConnectTimeout <= 0 || c.StatementTimeout <= 0 || c.VacuumTimeout <= 0 {
		t.Errorf("%+v", c)
	}
	if err := errors.Join(c.Validate(), postgres.Config{}.Validate()); err != nil {
		t.Error(err)
	}
	if again := c.WithDefaults(); again != c {
		t.Errorf("defaults of defaults: %+v, want %+v", again, c)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := postgres.Config{
		URL: "mysql://a:b@h/d", SlowQueryThreshold: -1, ConnectionPoolSize: -1, QueryCacheSize: 1e9, PollInterval: 1,
		ConnectTimeout: -1, StatementTimeout: -1, VacuumTimeout: -1,
	}.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, key := range []string{
		"url", "slow_query_threshold", "connection_pool_size", "query_cache_size", "poll_interval", "connect_timeout",
		"statement_timeout", "vacuum_timeout",
	} {
		found := false
		for _, l := range lines {
			found = found || strings.HasPrefix(l, "database."+key+": must ")
		}
		if !found {
			t.Errorf("database.%s is not named in %q", key, lines)
		}
	}
}

// TestConfigKeepsThePassword holds that a URL that cannot be read is not repeated, however
// it is broken.
func TestConfigKeepsThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://user:top-secret@host:notaport/db",
		"postgres://user:top-secret@host:5432/db?sslmode=wrong",
		"postgres://user:top-secret/with@slash@host/db",
		"postgres://user:top%secret@host/db",
		"postgres://user:top-secret@[::1/db",
		"host=h password=top-secret sslmode=wrong",
		"host=h password='top-secret sslmode=disable",
		"mysql://user:top-secret@host/db",
		"postgres://user@host/db?password=top-secret&sslmode=wrong",
		"postgres://user:top-secret@host/db?connect_timeout=x",
		"top-secret",
	} {
		err := postgres.Config{URL: url}.Validate()
		if err == nil {
			t.Errorf("%s: no fault", url)
			continue
		}
		if s := err.Error(); strings.Contains(s, "secret") || !strings.HasPrefix(s, "database.url: must ") {
			t.Errorf("%s: %s", url, s)
		}
		if _, err := postgres.New(postgres.Config{URL: url}, nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%s): %v", url, err)
		}
	}
	if _, err := postgres.New(postgres.Config{}, nil); !errors.Is(err, postgres.ErrNoURL) {
		t.Errorf("no URL: %v", err)
	}
}
