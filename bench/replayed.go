package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/replay"
	"github.com/sentientcore/upshift/balancer/sim"
)

// replayLogs is how many logs are made up.
const replayLogs = 50

// truth is a made-up world that makes logs.
type truth struct {
	sim.World
	weights            []float64
	load, sigma, noise float64
}

func madeUp(seed uint64) truth {
	rnd := rand.New(rand.NewPCG(seed, 1))
	t := truth{load: 0.55 + 0.3*rnd.Float64(), sigma: 0.7 + 0.6*rnd.Float64(), noise: 0.3 + 0.4*rnd.Float64()}
	slots := 2 + rnd.IntN(5)
	for range 4 + rnd.IntN(9) {
		speed := math.Exp2(2 * rnd.Float64())
		t.Servers = append(t.Servers, sim.Server{Speed: speed, Slots: slots})
		t.weights = append(t.weights, 0.25+math.Round(4*speed*math.Exp(0.2*rnd.NormFloat64()))/4)
	}
	return t
}

func (t truth) traffic(seed uint64) (sim.Trace, time.Duration) {
	const calls, meanWork = 12_000, 0.1
	capacity := 0.0
	for _, s := range t.Servers {
		capacity += s.Speed * float64(s.Slots)
	}
	rate := t.load * capacity / meanWork
	length := time.Duration(calls / rate * float64(time.Second))
	return sim.Lognormal{
		Seed: seed, Length: length, PerSecond: rate, Mean: meanWork, Sigma: t.sigma, HintSigma: t.noise,
	}.Trace(), length
}

// logKeeper writes down what a policy does.
type logKeeper struct {
	sim.Policy
	log *replay.Log
}

// Done notes the end of an attempt.
func (k *logKeeper) Done(now time.Duration, c *sim.Call, ok bool) {
	k.Policy.Done(now, c, ok)
	k.log.Calls = append(k.log.Calls, replay.Call{
		At: c.Placed, Server: c.Server, Took: now - c.Placed, Size: c.Hint, OK: ok, Again: len(c.Tried) > 0,
	})
}

func (t truth) record(strategy string, seed uint64) (*replay.Log, error) {
	k := &logKeeper{log: &replay.Log{Strategy: strategy, Placed: true}}
	for i := range t.Servers {
		k.log.Servers = append(k.log.Servers, replay.Server{ID: fmt.Sprint("s", i), Weight: t.weights[i]})
	}
	p, err := sim.NewPool(balancer.Config{Strategy: strategy}, seed, t.weights...)
	if err != nil {
		return nil, err
	}
	k.Policy = p
	trace, _ := t.traffic(seed)
	t.Run(trace.Source(), k)
	k.log.Sort()
	return k.log, nil
}

// really returns the p99 of independent runs, in ms.
func (t truth) really(strategy string, seed uint64) (float64, error) {
	const runs = 6
	sum := 0.0
	for i := range uint64(runs) {
		trace, length := t.traffic(seed*1000 + 77 + i)
		p, err := sim.NewPool(balancer.Config{Strategy: strategy}, seed+i, t.weights...)
		if err != nil {
			return 0, err
		}
		w := t.World
		w.WarmUp = length / 5
		sum += math.Log(1e3*w.Run(trace.Source(), p).Quantile(0.99)) / runs
	}
	return math.Exp(sum), nil
}

// measureReplay makes logs of made-up worlds and holds what replay foretells against what
// independent runs of the same worlds give.
func measureReplay(ctx context.Context, r *rig) error {
	logged := []string{balancer.LeastConnections, balancer.Adaptive, balancer.WeightedRoundRobin, balancer.LeastResponseTime}
	var inside, intervals, tau, told float64
	logs := r.times(replayLogs)
	for i := range uint64(logs) {
		seed := r.seed*1000 + i
		t := madeUp(seed)
		log, err := t.record(logged[i%4], seed)
		if err != nil {
			return err
		}
		v, err := replay.Compare(ctx, log, replay.Options{Seed: seed})
		if errors.Is(err, replay.ErrCannotTell) {
			r.progress("log %d: %v", i, err)
			continue
		} else if err != nil {
			return err
		}
		var foretold, truths []float64
		for _, o := range v.Evaluated {
			p99, err := t.really(o.Strategy, seed)
			if err != nil {
				return err
			}
			intervals++
			if o.P99.Low <= p99 && p99 <= o.P99.High {
				inside++
			}
			foretold, truths = append(foretold, o.P99.Value), append(truths, p99)
		}
		tau += kendall(foretold, truths)
		told++
	}
	r.add(Row{Bar: "replay 90 % intervals that hold the true p99", Figure: 100 * inside / intervals, Unit: "%", Least: least(85)})
	r.add(Row{
		Bar: "replay order of strategies, Kendall's τ", Figure: tau / told, Least: least(0.85),
		Note: "pairs that truly differ by 3 % or more",
	})
	r.add(Row{Bar: "replay logs judged", Figure: 100 * told / float64(logs), Unit: "%", Note: "of steady worlds"})
	return r.refusals(logs, logged)
}

// refusals counts how many logs of worlds with drift or a fault are refused.
func (r *rig) refusals(logs int, logged []string) error {
	var drifts, faults float64
	for i := range uint64(logs) {
		seed := r.seed*1000 + i
		for _, fault := range []bool{false, true} {
			t := madeUp(seed)
			_, length := t.traffic(seed)
			t.Faults = []sim.Fault{{Server: int(i) % len(t.Servers), From: length / 2, To: time.Hour, Slow: 3}}
			if fault {
				t.Faults[0] = sim.Fault{Server: int(i) % len(t.Servers), From: length / 4, To: time.Hour, Fail: 0.3}
			}
			log, err := t.record(logged[i%4], seed)
			if err != nil {
				return err
			}
			if _, err := replay.Fit(log); errors.Is(err, replay.ErrCannotTell) {
				if fault {
					faults++
				} else {
					drifts++
				}
			}
		}
	}
	r.add(Row{Bar: "replay refuses: a server 3× slower", Figure: 100 * drifts / float64(logs), Unit: "%", Least: least(95)})
	r.add(Row{Bar: "replay refuses: a server failing 30 %", Figure: 100 * faults / float64(logs), Unit: "%", Least: least(95)})
	return nil
}

// kendall returns the order that two lists have in common, pairs left out that do not truly
// differ by 3 %.
func kendall(told, truth []float64) float64 {
	agree, pairs := 0.0, 0.0
	for i := range told {
		for j := range i {
			if math.Abs(math.Log(truth[i]/truth[j])) < 0.03 {
				continue
			}
			pairs++
			if (told[i] < told[j]) == (truth[i] < truth[j]) {
				agree++
			}
		}
	}
	return 2*agree/max(pairs, 1) - 1
}
