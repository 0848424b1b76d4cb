package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/node"
	"github.com/sentientcore/upshift/bench/proc"
	"github.com/sentientcore/upshift/internal/redistest"
)

const (
	taggedEntries = 1 << 20
	taggedTags    = 100_000
	// taggedCommands is how many commands a clear may take that does not depend on the entries; the
	// server counts also what says that the processes are there.
	taggedCommands = 16
)

// measureTags clears a tag that a million entries have, and looks at what is left of a million
// that have expired.
func measureTags(ctx context.Context, r *rig) error {
	server, err := r.redis(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }() // it writes nothing for keeps
	nodes, err := r.nodes(ctx, "cache", 2, server.URL())
	if err != nil {
		return err
	}
	n := r.times(taggedEntries)
	before, err := holdings(ctx, server, nodes[0], "before")
	if err != nil {
		return err
	}
	r.progress("write %d entries that expire, under %d tags", n, r.times(taggedTags))
	if err := tell(ctx, nodes[0], fmt.Sprintf("tag short %d %d %d", n, r.times(taggedTags), 5000), "tagged short"); err != nil {
		return err
	}
	r.progress("wait until the server has let go of them")
	var after holding
	for range 120 {
		if err := nodes[0].Pause(ctx, time.Second); err != nil {
			return err
		}
		if after, err = holdings(ctx, server, nodes[0], "after"); err != nil {
			return err
		}
		if after.keys <= before.keys {
			break
		}
	}
	r.add(Row{Bar: "tags: keys in Redis of " + strconv.Itoa(n) + " expired sets", Figure: float64(after.keys), Most: most(16)})
	r.add(Row{
		Bar: "tags: memory in Redis for each of these", Figure: float64(max(after.memory-before.memory, 0)) / float64(n), Unit: "B", Most: most(1),
		Note: fmt.Sprintf("%d bytes before, %d after", before.memory, after.memory),
	})
	r.add(Row{
		Bar: "tags: entries and tags left in the process", Figure: float64(after.node.Entries + after.node.Tags), Most: most(0),
		Note: fmt.Sprintf("heap %d MB before, %d MB after", before.node.Heap>>20, after.node.Heap>>20),
	})
	r.progress("write %d entries under one tag", n)
	if err := tell(ctx, nodes[0], fmt.Sprintf("tag long %d 1 %d", n, time.Hour.Milliseconds()), "tagged long"); err != nil {
		return err
	}
	return r.clearTag(ctx, server, nodes[0])
}

// clearTag clears the one tag that all entries have.
func (r *rig) clearTag(ctx context.Context, server *redistest.Server, p *proc.Process) error {
	if _, err := server.Do(ctx, "CONFIG", "RESETSTAT"); err != nil {
		return err
	}
	if err := p.Tell("clear longtag0"); err != nil {
		return err
	}
	got, err := answer[node.Cleared](ctx, p, "cleared longtag0 ")
	if err != nil {
		return err
	}
	stats, err := server.Do(ctx, "INFO", "stats")
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d entries; Redis and the others know after %.2f ms", got.Entries, milliseconds(got.Reached))
	r.add(Row{Bar: "tags: clear one that all entries have", Figure: milliseconds(got.Took), Unit: "ms", Most: most(1), Note: note})
	r.add(Row{Bar: "tags: commands for it", Figure: float64(figure(stats, "total_commands_processed")), Most: most(taggedCommands)})
	return nil
}

func tell(ctx context.Context, p *proc.Process, line, await string) error {
	if err := p.Tell(line); err != nil {
		return err
	}
	_, err := p.Line(ctx, await)
	return err
}

// holding is what a server and a node hold.
type holding struct {
	keys, memory int64
	node         node.Figures
}

func holdings(ctx context.Context, server *redistest.Server, p *proc.Process, name string) (h holding, err error) {
	name += strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := p.Tell("figures " + name); err != nil {
		return h, err
	}
	if h.node, err = answer[node.Figures](ctx, p, "figures "+name+" "); err != nil {
		return h, err
	}
	size, err := server.Do(ctx, "DBSIZE")
	if err != nil {
		return h, err
	}
	if h.keys, err = strconv.ParseInt(size, 10, 64); err != nil {
		return h, err
	}
	info, err := server.Do(ctx, "INFO", "memory")
	h.memory = figure(info, "used_memory")
	return h, err
}

// figure is a whole number of a reply to INFO.
func figure(info, name string) int64 {
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64) // zero is shown for what is none
			return n
		}
	}
	return 0
}
