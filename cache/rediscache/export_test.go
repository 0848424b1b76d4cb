package rediscache

// Epoch counts the subscriptions of the feed that ended.
func (t *Tier) Epoch() uint64 { return t.feed.epoch.Load() }
