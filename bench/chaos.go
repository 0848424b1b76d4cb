package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/proc"
	"github.com/sentientcore/upshift/bench/role"
)

const (
	chaosLength = 10 * time.Minute
	chaosRate   = 200 // requests a second
	// What a run may cost, and what it may leave behind.
	chaosSuccess       = 99.9 // percent of the safe requests
	chaosAmplification = 1.1
	chaosGoroutines    = 20
	chaosHeapMB        = 4.0
)

// misfortune is what happens to a backend, and what ends it.
type misfortune struct {
	name       string
	begin, end func(context.Context, *troubled) error
}

func misfortunes() []misfortune {
	say := func(kind string) func(context.Context, *troubled) error {
		return func(ctx context.Context, t *troubled) error { return t.say(ctx, kind) }
	}
	return []misfortune{
		{
			"killed", func(_ context.Context, t *troubled) error { t.process.Kill(); return nil },
			func(ctx context.Context, t *troubled) error { return t.launch(ctx) },
		},
		{
			"frozen", func(_ context.Context, t *troubled) error { return t.process.Freeze() },
			func(_ context.Context, t *troubled) error { return t.process.Thaw() },
		},
		{"10 × slow", say(role.Slow), say(role.Calm)},
		{"30 % failing", say(role.Failing), say(role.Calm)},
		{"breaking off", say(role.Breaking), say(role.Calm)},
	}
}

// troubled is a backend that misfortunes happen to.
type troubled struct {
	rig     *rig
	addr    string
	process *proc.Process
}

// launch starts it, again at the same address.
func (t *troubled) launch(ctx context.Context) error {
	p, target, err := t.rig.role(ctx, "trouble", t.addr)
	if err != nil {
		return err
	}
	t.process, t.addr = p, target.Addr
	return nil
}

func (t *troubled) say(ctx context.Context, kind string) error {
	return post(ctx, "http://"+t.addr+"/trouble?"+url.Values{"kind": {kind}}.Encode())
}

func post(ctx context.Context, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", to, resp.Status)
	}
	return nil
}

// trio starts three backends and the product over them, with its defaults.
func (r *rig) trio(ctx context.Context) (*product, []*troubled, error) {
	all := make([]*troubled, 3)
	list := make([]string, 3)
	for i := range all {
		addr, err := freeAddr(ctx)
		if err != nil {
			return nil, nil, err
		}
		all[i] = &troubled{rig: r, addr: addr}
		if err := all[i].launch(ctx); err != nil {
			return nil, nil, err
		}
		list[i] = fmt.Sprintf("%c=http://%s", 'a'+i, all[i].addr)
	}
	p, err := r.serve(ctx, "cache.enabled=false", "load_balancer.servers="+strings.Join(list, ","))
	return p, all, err
}

// measureChaos has the busiest of three backends meet each misfortune in turn, for half of its share
// of ten minutes, under load. A request is safe if HTTP says so: GET. One has failed when its client gets an
// error, a status other than 200, less than the whole answer, or nothing within ten seconds.
func measureChaos(ctx context.Context, r *rig) error {
	p, backends, err := r.trio(ctx)
	if err != nil {
		return err
	}
	length := chaosLength
	if r.quick {
		length = time.Minute
	}
	phase := length / time.Duration(len(misfortunes()))
	crowd := newCrowd(p.gateway)
	if err := crowd.run(ctx, 5*time.Second, chaosRate); err != nil { // until all is warm
		return err
	}
	before, err := p.balance(ctx)
	if err != nil {
		return err
	}
	crowd.forget()
	for _, m := range misfortunes() {
		if err := r.suffer(ctx, m, p, backends, crowd, phase); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	crowd.close()
	return r.reckon(ctx, p, before, crowd)
}

// suffer is one misfortune: a fifth of the phase before it, half within, the rest to recover.
func (r *rig) suffer(ctx context.Context, m misfortune, p *product, all []*troubled, crowd *crowd, phase time.Duration) (err error) {
	ended := make(chan error, 1)
	was := crowd.tally()
	before, err := p.balance(ctx)
	if err != nil {
		return err
	}
	go func() { ended <- crowd.run(ctx, phase, chaosRate) }()
	defer func() { err = errors.Join(err, <-ended) }()
	if err := r.wait(ctx, phase/5); err != nil {
		return err
	}
	calm, err := p.balance(ctx)
	if err != nil {
		return err
	}
	victim := calm.busiest(before)
	if err := m.begin(ctx, all[victim]); err != nil {
		return err
	}
	waited := r.wait(ctx, phase/2)
	troubled, balanceErr := p.balance(ctx)
	if err := errors.Join(m.end(ctx, all[victim]), waited, balanceErr); err != nil {
		return err
	}
	if err := r.wait(ctx, phase-phase/5-phase/2); err != nil {
		return err
	}
	now := crowd.tally()
	r.progress("%-12s: %d safe requests, %d failed; %d others, %d failed; server %c had %.0f attempts of %.0f, %.0f of %.0f meanwhile", m.name,
		now.safe-was.safe, now.safeFailed-was.safeFailed, now.unsafe-was.unsafe, now.unsafeFailed-was.unsafeFailed, 'a'+victim,
		calm.servers[victim]-before.servers[victim], calm.attempts-before.attempts,
		troubled.servers[victim]-calm.servers[victim], troubled.attempts-calm.attempts)
	return nil
}

func (r *rig) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reckon says what the requests came to and what they left behind.
func (r *rig) reckon(ctx context.Context, p *product, before balance, c *crowd) error {
	t := c.tally()
	after, err := p.settle(ctx, before)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d requests, %d failed", t.safe, t.safeFailed)
	if t.firstErr != nil {
		note += "; " + t.firstErr.Error()
	}
	r.add(Row{
		Bar: r.name + ": safe requests that succeeded", Figure: 100 - 100*float64(t.safeFailed)/float64(max(t.safe, 1)), Unit: "%",
		Least: least(chaosSuccess), Note: note,
	})
	r.add(Row{
		Bar: r.name + ": others that succeeded", Figure: 100 - 100*float64(t.unsafeFailed)/float64(max(t.unsafe, 1)), Unit: "%",
		Note: fmt.Sprintf("%d POSTs, which are not repeated once they were sent", t.unsafe),
	})
	r.add(Row{
		Bar: r.name + ": attempts for each request", Figure: (after.attempts - before.attempts) / max(after.requests-before.requests, 1),
		Most: most(chaosAmplification), Note: fmt.Sprintf("%.0f requests", after.requests-before.requests),
	})
	r.leftovers(before, after)
	return nil
}

// leftovers are the rows about what is left.
func (r *rig) leftovers(before, after balance) {
	r.add(Row{Bar: r.name + ": requests in flight at the end", Figure: after.active, Most: most(0)})
	r.add(Row{
		Bar: r.name + ": goroutines more than before", Figure: after.goroutines - before.goroutines,
		Most: most(chaosGoroutines), Note: fmt.Sprintf("%.0f before", before.goroutines),
	})
	r.add(Row{
		Bar: r.name + ": heap more than before", Figure: after.heapMB - before.heapMB, Unit: "MB",
		Most: most(chaosHeapMB), Note: fmt.Sprintf("%.1f before, both after a collection", before.heapMB),
	})
}
