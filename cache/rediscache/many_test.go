package rediscache_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// Many keys are asked for with one command each, and the generations they stand under once.
func TestManyKeysAreAskedForTogether(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a, b := connected(t, patient(server.URL())), connected(t, patient(server.URL()))
	const there, missing = 100, 20
	keys := make([]string, there+missing)
	for i := range keys {
		keys[i] = "many/" + strconv.Itoa(i)
		if i < there {
			a.set(keys[i], answer{N: i}, "corpus")
		}
	}
	a.settled()
	must(t, server, "RPUSH", "upshift:2:e:{answers/"+keys[there]+"}", "what no value is")
	must(t, server, "CONFIG", "RESETSTAT")
	loads := 0
	got, err := b.answers.GetOrLoadMany(t.Context(), keys, cache.EntryOptions{Tags: []string{"corpus"}},
		func(_ context.Context, keys []string) (map[string]answer, error) {
			loads += len(keys)
			out := map[string]answer{}
			for _, key := range keys {
				out[key] = answer{Text: key}
			}
			return out, nil
		})
	if err != nil || len(got) != len(keys) || loads != missing {
		t.Fatalf("%d values, %d loaded, %v", len(got), loads, err)
	}
	for i, key := range keys {
		if i < there && got[key].N != i || i >= there && got[key].Text != key {
			t.Errorf("%s: %+v", key, got[key])
		}
	}
	// The group, the cache and the tag, and again for the key that could not be read; and scripts read.
	if n := calls(t, must(t, server, "INFO", "commandstats"), "get"); n < len(keys) || n > len(keys)+3+2*4+2*missing {
		t.Errorf("%d reads for %d keys", n, len(keys))
	}
}
