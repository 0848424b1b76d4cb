package balancer

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Strategy: "best", HealthCheckInterval: -time.Second, HealthCheckPath: "health", MaxRetries: -1,
		RetryBudgetRatio: math.NaN(), PanicThresholdRatio: 2,
		Servers: []ServerConfig{
			{ID: "a", URL: "http://10.0.0.1", Weight: 0},
			{ID: "a", URL: "", Weight: -1, MaxConnections: -2, Status: "sick"},
			{ID: "", URL: "http://[fd00:ec2::254]:80"},
		},
	}
	want := []string{
		`load_balancer.strategy: must be one of `,
		`load_balancer.health_check_path: must begin with /`,
		`load_balancer.health_check_interval: must not be negative (got -1s)`,
		`load_balancer.max_retries: must not be negative (got -1)`,
		`load_balancer.retry_budget: must be between 0 and 1 (got NaN)`,
		`load_balancer.panic_threshold: must be between 0 and 1 (got 2)`,
		`load_balancer.servers[1].url: must be set, for example http://10.0.0.1:8000`,
		`load_balancer.servers[1].weight: must be above 0 (got -1)`,
		`load_balancer.servers[1].max_connections: must not be negative (got -2)`,
		`load_balancer.servers[1].status: must be maintenance`,
		`load_balancer.servers[1].id: must be unique (a is servers[0] already)`,
		`load_balancer.servers[2].id: must be 1 to 64 letters, digits or . _ : - (got "")`,
		`load_balancer.servers[2].url: must not be forbidden: fd00:ec2::254`,
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Errorf("got %d faults, want %d:\n%v", len(got), len(want), err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("missing %s in\n%v", w, err)
		}
	}
	if _, err := New(cfg); err == nil {
		t.Error("New took it")
	}
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	if err := (Config{}).WithDefaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestServerURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"http://localhost", "https://api.example.com/v1", "http://10.0.0.1:8000", "http://[::1]:80/", "HTTP://host", "h2c://host:50051",
	} {
		if _, err := parseServerURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "host:80", "//host", "http://", "http://:80", "ftp://host", "file:///etc/passwd", "http://u:p@host", "http://host?q",
		"http://host#f", "http://host:0", "http://host:99999", "http://host:", "http://169.254.1.1", "http://[fe80::1]",
		"http://[::ffff:169.254.169.254]", "http://metadata.google.internal", "http://0.0.0.0", "unix:///x", "http://a b",
	} {
		if _, err := parseServerURL(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if _, err := parseServerURL("http://u:secret@ho st"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is in the error: %v", err)
	}
}

func FuzzServerURL(f *testing.F) {
	for _, s := range []string{"http://a", "https://[::1]:80/x", "http://u:p@h", "http://169.254.169.254", "http://[::ffff:a9fe:a9fe]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseServerURL(raw)
		if err != nil {
			return
		}
		if u.User != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != schemeH2C || u.RawQuery != "" {
			t.Errorf("%q gave %+v", raw, u)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q does not survive printing: %v, %v", raw, again, err)
		}
		if err := checkHost(u.Hostname()); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	})
}
