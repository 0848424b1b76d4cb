package rediscache

import (
	"context"
	"strings"

	"github.com/redis/rueidis"

	"github.com/sentientcore/upshift/cache"
)

// identity is who the server is: its run and its history of writes, and the history it took over.
type identity struct{ run, history, before string }

// identify asks the server who it is; the zero identity where it refuses to say, or where there are
// several. It is not known when there is no answer.
func (w *watcher) identify(ctx context.Context) (id identity, known bool) {
	if !w.ordered {
		return identity{}, true
	}
	bounded, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	info, err := w.data.Do(bounded, w.data.B().Info().Build()).ToString()
	if err != nil {
		w.logger.Debug("second cache tier does not say who it is", "err", err)
		_, refused := rueidis.IsRedisErr(err)
		return identity{}, refused
	}
	return identityOf(info), true
}

func identityOf(info string) identity {
	var id identity
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "run_id":
			id.run = value
		case "master_replid":
			id.history = value
		case "master_replid2":
			id.before = value
		}
	}
	return id
}

// succession tells the feed what a server that came back or took over may not know: nothing, when
// it is the same run; the last writes, when it was the replica of the one before; anything, when
// it was started again from what it had on disk, however old that is. It reports whether the server
// could be asked.
func (w *watcher) succession(ctx context.Context) bool {
	now, known := w.identify(ctx)
	if !known {
		return false
	}
	was := w.server
	w.server = now
	feed, ok := w.to.(cache.Successor)
	if !ok || !w.lived {
		return true
	}
	switch {
	case now.run != "" && now.run == was.run:
	case !w.ordered, now.before != "" && now.before == was.history, now.history != "" && now.history == was.history:
		feed.Succeeded(false)
	default:
		feed.Succeeded(true)
	}
	return true
}
