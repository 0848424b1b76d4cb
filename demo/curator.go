package demo

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/profiler"
)

const (
	curateEvery = 15 * time.Second
	// curateTokens make even the fast replica think for more than a second.
	curateTokens = 200
	// curateTimeout bounds how long the rows stay locked.
	curateTimeout = 4 * time.Second
	// curated is how many of the most-read documents it looks at, and locks.
	curated = 20
)

// curator is the agent with the slow habit: it keeps a transaction open, and rows locked,
// while it waits for the model. Whoever updates one of the rows meanwhile waits with it.
type curator struct {
	database *database
	gateway  *caller
	profiler *profiler.Profiler
	logger   *slog.Logger
}

// run curates until ctx ends.
func (c *curator) run(ctx context.Context) {
	round := profiler.Wrap(c.profiler, "curator.review", c.review)
	for pause(ctx, curateEvery) == nil {
		if _, err := round(ctx, struct{}{}); err != nil && ctx.Err() == nil {
			c.logger.Debug("the curator gave up a round", "err", err)
		}
	}
}

// review asks the model about the most-read documents, inside a transaction.
func (c *curator) review(ctx context.Context, _ struct{}) (reviewed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, curateTimeout)
	defer cancel()
	err = pgx.BeginFunc(ctx, c.database.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT title FROM documents ORDER BY reads DESC, id LIMIT $1 FOR UPDATE", curated)
		if err != nil {
			return fmt.Errorf("lock the most-read documents: %w", err)
		}
		titles, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("lock the most-read documents: %w", err)
		}
		reviewed = len(titles)
		return c.gateway.post(ctx, "/v1/chat/completions", reviewPrompt(titles), nil)
	})
	return reviewed, err
}

func reviewPrompt(titles []string) chatRequest {
	prompt := chatRequest{Model: modelName, MaxTokens: curateTokens, Messages: []message{
		{Role: "system", Content: "Say which of these notes are out of date."},
	}}
	for _, t := range titles {
		prompt.Messages = append(prompt.Messages, message{Role: "user", Content: t})
	}
	return prompt
}
