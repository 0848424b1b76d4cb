package rediscache

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

// Stats implements [cache.Remote].
func (t *Tier) Stats() cache.RedisStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Connected = t.down == nil && t.breaker.IsClosed()
	switch {
	case t.down != nil:
		s.LastError = t.down.Error()
	case !s.Connected && t.failed != nil:
		s.LastError = t.failed.Error()
	case t.refused != nil:
		s.LastError = t.refused.Error()
	}
	return s
}

func (t *Tier) setFailed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
}

// setDown keeps why the feed does not live; nil when it does.
func (t *Tier) setDown(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down = err
}

// setRefused keeps what the server said to writes; nil when it took them.
func (t *Tier) setRefused(err error) {
	if refusesWrites(err) {
		defer t.heldUntil.Store(time.Now().Add(holdFor).UnixNano())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = err
}

// changed notes the time of a change of state.
func (t *Tier) changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Since = time.Now()
}

// connected says that all is well.
func (t *Tier) connected() {
	t.setDown(nil)
	t.changed()
	t.logger.Info("second cache tier connected")
}

// readInfo reads the server's figures. Where it refuses to tell, the last ones stay.
func (t *Tier) readInfo(ctx context.Context, client rueidis.Client) {
	info, err := client.Do(ctx, client.B().Info().Build()).ToString()
	if err != nil {
		t.logger.Debug("second cache tier tells no figures", "err", err)
		return
	}
	figures := infoFigures(info)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.UsedMemoryBytes = figures["used_memory"]
	t.stats.ConnectedClients = figures["connected_clients"]
	t.stats.CommandsProcessed = figures["total_commands_processed"]
}

// infoFigures are the whole numbers of a reply to INFO.
func infoFigures(info string) map[string]int64 {
	figures := map[string]int64{}
	for line := range strings.Lines(info) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			figures[name] = n
		}
	}
	return figures
}
