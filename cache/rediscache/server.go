package rediscache

import (
	"context"
	"strings"

	"github.com/sentientcore/upshift/cache"
)

// identity is who the server is: its run and its history of writes, and the history it took over.
type identity struct{ run, history, before string }

// identify asks the server who it is; the zero identity where it does not say, or where there are
// several.
func (w *watcher) identify(ctx context.Context) identity {
	if !w.ordered {
		return identity{}
	}
	bounded, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	info, err := w.data.Do(bounded, w.data.B().Info().Build()).ToString()
	if err != nil {
		w.logger.Debug("second cache tier does not say who it is", "err", err)
		return identity{}
	}
	return identityOf(info)
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
// it was started again from what it had on disk, however old that is.
func (w *watcher) succession(ctx context.Context) {
	now := w.identify(ctx)
	was := w.server
	w.server = now
	feed, ok := w.to.(cache.Successor)
	if !ok || !w.lived {
		return
	}
	switch {
	case now.run != "" && now.run == was.run:
	case !w.ordered, now.before != "" && now.before == was.history, now.history != "" && now.history == was.history:
		feed.Succeeded(false)
	default:
		feed.Succeeded(true)
	}
}
