package upshift_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/internal/redistest"
)

// cachePart is the part cache as the status shows it.
func cachePart(t *testing.T, m *upshift.Manager) advisor.Part {
	t.Helper()
	for _, p := range m.Status().Parts {
		if p.Name == "cache" {
			return p
		}
	}
	t.Fatal("there is no part cache")
	return advisor.Part{}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A Redis that is down neither keeps upshift from starting nor from serving, is shown, and is in
// use once it is there.
func TestRedisThatComesLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, backend(t, "answer"))
	cfg.Cache.RedisURL = "redis://:of-this-test@" + server.Addr()
	m := start(t, cfg, upshift.Collaborators{})
	await(t, "the degraded part", func() bool {
		p := cachePart(t, m)
		return p.State == "degraded" && strings.Contains(p.LastError, "refused")
	})
	if status, body := get(t, "http://"+m.GatewayAddr()+"/x"); status != http.StatusOK || body != "answer" {
		t.Errorf("got %d %q", status, body)
	}
	warnings := m.Cache.Stats().Warnings
	if len(warnings) != 1 || strings.Contains(warnings[0], "of-this-test") {
		t.Errorf("warnings: %q", warnings)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It has no password and refuses ours: still degraded, and the reason changes.
	await(t, "the server's reason", func() bool { return !strings.Contains(cachePart(t, m).LastError, "refused") })
	if _, err := server.Do(t.Context(), "CONFIG", "SET", "requirepass", "of-this-test"); err != nil {
		t.Fatal(err)
	}
	await(t, "the part to run", func() bool { return cachePart(t, m).State == "running" })
	await(t, "the server's figures", func() bool { return m.Cache.Stats().Redis.UsedMemoryBytes > 0 })
	if s := m.Cache.Stats(); !s.Redis.Connected || len(s.Warnings) > 0 {
		t.Errorf("%+v, warnings %q", s.Redis, s.Warnings)
	}
}

func TestRedisURLThatCannotBe(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	for url, says := range map[string]string{
		"redis://:secret@host:6379/x":        "database number",
		"redis+sentinel://:secret@host:6379": "master_set",
		"ftp://:secret@host":                 "must be a URL",
	} {
		cfg.Cache.RedisURL = url
		_, err := upshift.New(cfg, upshift.Collaborators{})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "cache.redis_url") ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	cfg.Cache.RedisURL = "redis://127.0.0.1:1"
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cache.RedisURL = "redis://127.0.0.1:2"
	if err := m.Apply(cfg); err == nil || !strings.Contains(err.Error(), "cache.redis_url") {
		t.Errorf("another server while running: %v", err)
	}
}
