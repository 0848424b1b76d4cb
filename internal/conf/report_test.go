package conf_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/internal/conf"
)

func TestLocate(t *testing.T) {
	file := write(t, "cache:\n  default_ttl: -3s\nservers:\n  - id: a\n    url: nope\n")
	var c config
	report, err := conf.Load(&c, conf.Sources{File: file, Env: []string{"PERFORMANCE_RATIO=-1"}})
	if err != nil {
		t.Fatal(err)
	}
	bad := errors.New("servers[0].url: must be a URL")
	err = report.Locate(errors.Join(
		errors.Join(errors.New("cache.default_ttl: must not be negative (got -3s)"), bad),
		errors.New("ratio: must be positive"),
		errors.New("data_dir: must be set"),
		errors.New("something else"),
	))
	want := strings.Join([]string{
		"upshift.yaml:2: cache.default_ttl: must not be negative (got -3s)",
		"upshift.yaml:5: servers[0].url: must be a URL",
		"env PERFORMANCE_RATIO: ratio: must be positive",
		"data_dir: must be set",
		"something else",
	}, "\n")
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, bad) {
		t.Error("the chain is cut")
	}
	if report.Locate(nil) != nil {
		t.Error("an error out of nothing")
	}
}

func TestRefreshTellsWhatZeroBecame(t *testing.T) {
	t.Parallel()
	c := defaults()
	report, err := conf.Load(&c, conf.Sources{Sets: []string{"cache.default_ttl=0"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Cache.TTL = time.Hour // as the owner's defaults do
	if err := report.Refresh(c); err != nil {
		t.Fatal(err)
	}
	want := conf.Setting{Key: "cache.default_ttl", Value: "1h", Origin: "default (--set: 0s)"}
	if d := cmp.Diff(want, report.Settings[2]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRefreshLeavesEntriesTheirOrigin(t *testing.T) {
	t.Parallel()
	c := defaults()
	report, err := conf.Load(&c, conf.Sources{Sets: []string{"servers=a=http://x"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Servers[0].Weight = 1
	if err := report.Refresh(c); err != nil {
		t.Fatal(err)
	}
	want := conf.Setting{Key: "servers[0]", Value: "{id: a, url: http://x, weight: 1}", Origin: "--set"}
	i := slices.IndexFunc(report.Settings, func(s conf.Setting) bool { return s.Key == want.Key })
	if i < 0 || report.Settings[i] != want {
		t.Errorf("want %+v, got %+v", want, report.Settings)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	want := []string{
		"data_dir", "cache.enabled", "cache.default_ttl", "cache.max_size", "cache.max_bytes", "cache.redis_url",
		"cache.caches", "cache.extra", "pools", "servers", "hosts", "ratio",
	}
	if d := cmp.Diff(want, conf.Keys(&config{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := conf.EnvName("cache.max_size"); got != "PERFORMANCE_CACHE_MAX_SIZE" {
		t.Errorf("got %s", got)
	}
}

type judged struct {
	TTL   time.Duration `conf:"ttl"`
	Share float64       `conf:"share"`
}

func (j judged) Validate() error {
	if j.TTL < 0 {
		return errors.New("ttl: must not be negative")
	}
	return nil
}

func TestValidateIsPartOfTheReport(t *testing.T) {
	t.Parallel()
	var c judged
	_, err := conf.Load(&c, conf.Sources{Sets: []string{"ttl=-1", "share=x"}})
	want := "--set: share: must be a number (got \"x\")\n--set: ttl: must not be negative"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if c != (judged{}) {
		t.Errorf("a refused configuration was put in force: %+v", c)
	}
}
