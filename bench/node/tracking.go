package node

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// trackFor is how long the rival keeps a key in memory.
const trackFor = 10 * time.Minute

// Tracking is the rival: the client-side cache of rueidis, whose keys the server tracks.
type Tracking struct{ client rueidis.Client }

var _ Holder = (*Tracking)(nil)

// NewTracking connects.
func NewTracking(url string) (*Tracking, error) {
	options, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("parse the URL: %w", err)
	}
	options.ForceSingleClient = true
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Tracking{client}, nil
}

// Close disconnects.
func (t *Tracking) Close() { t.client.Close() }

// Fill implements [Holder].
func (t *Tracking) Fill(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := t.client.Do(ctx, t.client.B().Set().Key(key).Value("value").Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracking) get(ctx context.Context, key string) rueidis.RedisResult {
	return t.client.DoCache(ctx, t.client.B().Get().Key(key).Cache(), trackFor)
}

// Hold implements [Holder].
func (t *Tracking) Hold(ctx context.Context, key string) error { return t.get(ctx, key).Error() }

// Has implements [Holder].
func (t *Tracking) Has(ctx context.Context, key string) bool {
	got := t.get(ctx, key)
	return got.IsCacheHit() && got.Error() == nil
}

// Remove implements [Holder].
func (t *Tracking) Remove(ctx context.Context, key string) error {
	return t.client.Do(ctx, t.client.B().Del().Key(key).Build()).Error()
}
