package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/gateway"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := gateway.Config{}.WithDefaults()
	if c.Listen != "127.0.0.1:8080" || c.MaxBodyBytes != 10<<20 || c.MaxConnections != 4096 || c.BodyTimeout != 30*time.Second ||
		c.WriteTimeout != 30*time.Second || c.ResponseTimeout != 5*time.Minute || c.IdleTimeout != 10*time.Minute ||
		c.DrainTimeout != 30*time.Second || c.CacheMaxBodyBytes != 1<<20 {
		t.Errorf("got %+v", c)
	}
	if err := (gateway.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	c.CachePost = []gateway.PostRoute{{Path: "/v1/embeddings"}, {Path: "/v1/messages"}}
	given := slices.Clone(c.CachePost)
	d := c.WithDefaults()
	if diff := cmp.Diff(given, c.CachePost); diff != "" {
		t.Errorf("the caller's routes were changed: %s", diff)
	}
	want := []gateway.PostRoute{
		{Path: "/v1/embeddings", When: "always", TTL: time.Hour, Cache: "embeddings"},
		{Path: "/v1/messages", When: "temperature_zero", TTL: time.Hour, Cache: "responses"},
	}
	if diff := cmp.Diff(want, d.CachePost); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(d, d.WithDefaults()); diff != "" {
		t.Error(diff)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := gateway.Config{
		Listen: "nowhere", MaxConnections: -1, MaxBodyBytes: -1, BodyTimeout: -1, WriteTimeout: -1, ResponseTimeout: -1,
		IdleTimeout: -1, DrainTimeout: -1, CacheMaxBodyBytes: -1, CachePost: []gateway.PostRoute{
			{Path: "v1"},
			{Path: "/[", When: "never", TTL: -1, Cache: "a b", IgnoreHeaders: []string{"X Y"}},
			{Path: "/v1/*", IgnoreHeaders: []string{"authorization"}},
		},
	}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, key := range []string{
		"listen", "max_connections", "max_body_bytes", "body_timeout", "write_timeout", "response_timeout", "idle_timeout",
		"drain_timeout", "cache_max_body_bytes", "cache_post[0].path", "cache_post[1].path", "cache_post[1].when",
		"cache_post[1].ttl", "cache_post[1].cache", "cache_post[1].ignore_headers", "cache_post[2].ignore_headers",
	} {
		if !strings.Contains(err.Error(), "gateway."+key+": must ") {
			t.Errorf("%s is not named in:\n%v", key, err)
		}
	}
	for _, listen := range []string{"127.0.0.1", ":x", ":70000", "[::1"} {
		if err := (gateway.Config{Listen: listen}).Validate(); err == nil {
			t.Errorf("listen %q passed", listen)
		}
	}
	for _, listen := range []string{":0", "[::1]:8080", "localhost:65535"} {
		if err := (gateway.Config{Listen: listen}).Validate(); err != nil {
			t.Errorf("listen %q: %v", listen, err)
		}
	}
}
