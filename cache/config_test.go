package cache

import (
	"math"
	"strings"
	"testing"
)

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	many := map[string]NamedConfig{}
	for i := range MaxCaches + 1 {
		many[strings.Repeat("x", 1+i/100)+string(rune('a'+i%26))+string(rune('a'+i/26%26))] = NamedConfig{}
	}
	tests := []struct {
		name string
		cfg  Config
		want []string
	}{
		{"zero", Config{}, nil},
		{"defaults", Config{}.WithDefaults(), nil},
		{
			"all",
			Config{
				DefaultTTL: -3e9, TTLJitterRatio: 1.5, MaxEntries: -1, MaxBytes: -1, CleanupInterval: -1,
				RedisURL: "http://user:secret@host", Caches: map[string]NamedConfig{
					"a b": {}, "c": {TTL: -1, MaxEntries: -1, MaxBytes: -1, StaleWhileRevalidate: -1, StaleIfError: -1, RefreshAheadRatio: 2, NegativeTTL: -1, MaxNegative: -1},
				},
			},
			[]string{
				"cache.default_ttl: must not be negative (got -3s)", "cache.ttl_jitter: ", "cache.max_size: ",
				"cache.max_bytes: ", "cache.cleanup_interval: ", "cache.redis_url: ", "cache.caches.a b: name ",
				"cache.caches.c.ttl: ",
				"cache.caches.c.stale_while_revalidate: ", "cache.caches.c.stale_if_error: ", "cache.caches.c.refresh_ahead: ",
				"cache.caches.c.negative_ttl: ", "cache.caches.c.negative_max_size: ",
				"cache.caches.c.max_size: ", "cache.caches.c.max_bytes: ",
			},
		},
		{"not a number", Config{TTLJitterRatio: math.NaN()}, []string{"cache.ttl_jitter: "}},
		{"too large", Config{MaxEntries: maxEntries + 1, MaxBytes: maxBytes + 1}, []string{"cache.max_size: ", "cache.max_bytes: "}},
		{"too many", Config{Caches: many}, []string{"cache.caches: must be at most 256"}},
		{"redis", Config{RedisURL: "rediss://host:6379/0"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.cfg.Validate()
			if len(tt.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no fault found")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Errorf("%d faults, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want {
				if i < len(lines) && !strings.HasPrefix(lines[i], want) {
					t.Errorf("fault %d is %q, want %q", i, lines[i], want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the message shows the password")
			}
			if _, made := New(tt.cfg); made == nil {
				t.Error("New takes it")
			}
		})
	}
}
