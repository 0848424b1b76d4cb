package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sentientcore/upshift/internal/pgtest"
	"github.com/sentientcore/upshift/postgres"
)

// schema has the fault that is there to be found: nothing finds the chunks of a document
// but a scan of them all.
const schema = `
CREATE TABLE documents (
	id    integer PRIMARY KEY,
	title text    NOT NULL,
	topic text    NOT NULL,
	reads bigint  NOT NULL DEFAULT 0
);
CREATE TABLE chunks (
	id          integer PRIMARY KEY,
	document_id integer NOT NULL,
	position    integer NOT NULL,
	topic       text    NOT NULL,
	content     text    NOT NULL
);
CREATE INDEX chunks_topic ON chunks (topic, id);
-- missing on purpose: CREATE INDEX ON chunks (document_id)
`

// maxDatabaseConnections bounds the pool of the agents.
const maxDatabaseConnections = 16

// database is a Postgres of the demo's own, with the corpus in it.
type database struct {
	cluster *pgtest.Cluster
	pool    *pgxpool.Pool
	watch   func(*pgxpool.Pool)
}

// startDatabase starts a Postgres in a temporary directory and fills it. Where there is
// none the error is [pgtest.ErrNoBinaries].
func startDatabase(ctx context.Context, c *corpus) (*database, error) {
	cluster, err := pgtest.StartCluster(ctx, "")
	if err != nil {
		return nil, err
	}
	d := &database{cluster: cluster, watch: func(*pgxpool.Pool) {}}
	if err := makeRole(ctx, cluster); err != nil {
		return nil, errors.Join(fmt.Errorf("make the role of the database: %w", err), d.stop())
	}
	if err := fill(ctx, d.url(), c); err != nil {
		return nil, errors.Join(fmt.Errorf("fill the database: %w", err), d.stop())
	}
	return d, nil
}

// role owns the tables and may see all statistics, and has no more power than that.
const role = "rag"

func makeRole(ctx context.Context, cluster *pgtest.Cluster) (err error) {
	conn, err := pgx.Connect(ctx, cluster.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	password := strings.ReplaceAll(cluster.Password(), "'", "''") // a role takes no parameters
	_, err = conn.Exec(ctx, "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"' IN ROLE pg_monitor;"+
		"GRANT CREATE ON SCHEMA public TO "+role)
	return err
}

func (d *database) url() string { return d.cluster.URLFor(role, d.cluster.Password(), "postgres") }

// open makes the pool of the agents. The monitor, if there is one, counts its statements
// and shows its connections.
func (d *database) open(ctx context.Context, monitor *postgres.Monitor) error {
	cfg, err := pgxpool.ParseConfig(d.url())
	if err != nil {
		return err
	}
	cfg.MaxConns = maxDatabaseConnections
	if monitor != nil {
		cfg.ConnConfig.Tracer = monitor.Tracer()
		d.watch = monitor.Watch
	}
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return err
	}
	d.watch(d.pool)
	return nil
}

// stop closes the pool, ends the server and removes its files.
func (d *database) stop() error {
	d.watch(nil)
	if d.pool != nil {
		d.pool.Close()
	}
	return d.cluster.Stop()
}

// fill makes the tables and copies the corpus into them.
func fill(ctx context.Context, url string, c *corpus) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := conn.Exec(ctx, schema); err != nil {
		return err
	}
	documents := pgx.CopyFromSlice(len(c.documents), func(i int) ([]any, error) {
		doc := c.documents[i]
		return []any{doc.ID, doc.Title, doc.Topic}, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"documents"}, []string{"id", "title", "topic"}, documents); err != nil {
		return err
	}
	chunks := pgx.CopyFromSlice(len(c.chunks), func(i int) ([]any, error) {
		ch := c.chunks[i]
		return []any{ch.ID, ch.DocumentID, ch.Position, ch.Topic, ch.Content}, nil
	})
	columns := []string{"id", "document_id", "position", "topic", "content"}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"chunks"}, columns, chunks); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ANALYZE")
	return err
}

// search finds passages by topic, adds what stands after the best one and counts the
// reading.
func (d *database) search(ctx context.Context, q query) ([]chunk, error) {
	found, err := d.chunks(ctx, `SELECT id, document_id, position, topic, content FROM chunks
		WHERE topic = $1 ORDER BY id LIMIT $2`, q.topic, q.limit)
	if err != nil || len(found) == 0 {
		return found, err
	}
	best := found[0]
	more, err := d.chunks(ctx, `SELECT id, document_id, position, topic, content FROM chunks
		WHERE document_id = $1 AND position > $2 ORDER BY position LIMIT $3`, best.DocumentID, best.Position+q.limit, 2)
	if err != nil {
		return nil, err
	}
	if _, err := d.pool.Exec(ctx, "UPDATE documents SET reads = reads + 1 WHERE id = $1", best.DocumentID); err != nil {
		return nil, fmt.Errorf("count the reading: %w", err)
	}
	return append(found, more...), nil
}

func (d *database) chunks(ctx context.Context, sql string, args ...any) ([]chunk, error) {
	rows, err := d.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("find passages: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (chunk, error) {
		var c chunk
		return c, row.Scan(&c.ID, &c.DocumentID, &c.Position, &c.Topic, &c.Content)
	})
	if err != nil {
		return nil, fmt.Errorf("find passages: %w", err)
	}
	return found, nil
}
