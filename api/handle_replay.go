package api

import (
	"context"
	"errors"
	"strings"

	"github.com/sentientcore/upshift/balancer/replay"
)

// StrategyChoice is the outcome of looking for a better strategy.
type StrategyChoice struct {
	// NewStrategy is in force now.
	NewStrategy string `json:"new_strategy"`
	Message     string `json:"message"`
	// Evaluated are the strategies that recorded traffic was played through, the one with the
	// lowest 99th percentile first; none when the record could not tell.
	Evaluated []EvaluatedStrategy `json:"evaluated"`
}

// EvaluatedStrategy is how recorded traffic would have fared.
type EvaluatedStrategy struct {
	Strategy string  `json:"strategy"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	// P99Low and P99High are the 90 % interval of the 99th percentile.
	P99Low  float64 `json:"p99_low_ms"`
	P99High float64 `json:"p99_high_ms"`
	// SuccessRate is in percent.
	SuccessRate float64 `json:"success_rate" minimum:"0" maximum:"100"`
	// Confidence is the share of the plays in which no strategy had a lower 99th percentile.
	Confidence float64 `json:"confidence" minimum:"0" maximum:"1"`
}

// balancerOptimize plays what the pool recorded through every strategy. When one is better
// beyond doubt, it is put in force and watched.
func (s *Server) balancerOptimize(ctx context.Context, _ *none) (*answer[StrategyChoice], error) {
	p := s.parts.Pool
	if p == nil {
		return nil, balancerOff()
	}
	choice := StrategyChoice{NewStrategy: p.Strategy(), Evaluated: []EvaluatedStrategy{}}
	if !s.replaying.TryLock() {
		choice.Message = "a comparison is under way already; " + choice.NewStrategy + " stays in force"
		return said(choice, choice.Message)
	}
	defer s.replaying.Unlock()
	verdict, err := replay.Compare(ctx, replay.FromPool(p), replay.Options{})
	switch {
	case errors.Is(err, replay.ErrCannotTell):
		why := strings.TrimPrefix(err.Error(), "replay: ")
		choice.Message = choice.NewStrategy + " stays in force: " + why
		return said(choice, choice.Message)
	case err != nil:
		return nil, err
	}
	for _, o := range verdict.Evaluated {
		choice.Evaluated = append(choice.Evaluated, EvaluatedStrategy{
			Strategy: o.Strategy, P50: o.P50.Value, P99: o.P99.Value, P99Low: o.P99.Low, P99High: o.P99.High,
			SuccessRate: min(o.SuccessRate.Value, 100), Confidence: o.Confidence,
		})
	}
	choice.Message = verdict.Message
	if verdict.Switch && p.Strategy() == verdict.Current {
		watch, err := replay.Switch(p, verdict.Best)
		if err != nil {
			return nil, err
		}
		s.watch(watch)
		choice.NewStrategy = verdict.Best
		choice.Message += "; it is in force now, and goes out again if live traffic fares worse"
	}
	return said(choice, choice.Message)
}

// watch hands a watch to Run; it takes the place of one that waits.
func (s *Server) watch(w *replay.Watch) {
	select {
	case <-s.watches:
	default:
	}
	s.watches <- w // only the holder of replaying sends
}

// runWatches looks after switches of strategy, one at a time: a new one ends the one before,
// since the strategy that it looked after is not in force any more.
func (s *Server) runWatches(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-s.watches:
			back, message := w.Run(ctx)
			if back {
				s.logger.Warn("strategy switched back", "reason", message)
			} else if message != "" {
				s.logger.Info("strategy kept", "reason", message)
			}
		}
	}
}
