package advise

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/internal/pgtest"
	"github.com/sentientcore/upshift/postgres"
)

// sandbox prices on a throw-away server on this machine: the schema and the statistics of the real one are
// copied there, not a row. Its tables are files of holes, as large as the real ones, its indexes are empty
// trees of the right height and size. It only ever plans.
type sandbox struct {
	cluster *pgtest.Cluster
	conn    *pgx.Conn
	session *session
	copier  *copier
	oids    map[*index]uint32
	prefix  string
	path    string // search_path
	limit   time.Duration
	// copied is how long the copy took, the start of the server left out.
	copied time.Duration
	// restarted is how long the server was down to have its files written.
	restarted time.Duration
}

// openSandbox starts a server and copies tables to it. The source's session is only read.
func openSandbox(ctx context.Context, source *pgx.Conn, tables map[[2]string]*table, limit time.Duration) (_ *sandbox, err error) {
	settings, err := plannerSettings(ctx, source)
	if err != nil {
		return nil, err
	}
	cluster, err := pgtest.StartCluster(ctx, "", append(settings, "autovacuum=off", "ignore_checksum_failure=on")...)
	if err != nil {
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	b := &sandbox{cluster: cluster, oids: map[*index]uint32{}, prefix: "upshift_candidate_", limit: limit}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close(context.WithoutCancel(ctx)))
		}
	}()
	if err = source.QueryRow(ctx, "SELECT "+marker+" current_setting('search_path')").Scan(&b.path); err != nil {
		return nil, fmt.Errorf("read the search_path: %w", err)
	}
	if b.conn, err = pgx.Connect(ctx, cluster.URL()); err != nil {
		return nil, fmt.Errorf("connect to the sandbox: %w", err)
	}
	began := time.Now()
	b.copier = &copier{source: source, target: b.conn, tables: tables}
	if err := b.copier.run(ctx); err != nil {
		return nil, fmt.Errorf("copy to the sandbox: %w", err)
	}
	b.copied = time.Since(began)
	return b, nil
}

// plannerSettings are the source's settings that change what its planner does.
func plannerSettings(ctx context.Context, source *pgx.Conn) ([]string, error) {
	rows, err := source.Query(ctx, `SELECT `+marker+` name || '=' || setting FROM pg_settings
	WHERE (category LIKE 'Query Tuning%' OR name IN ('work_mem', 'hash_mem_multiplier', 'jit', 'effective_io_concurrency',
		'max_parallel_workers', 'max_parallel_workers_per_gather')) AND name NOT IN ('plan_cache_mode', 'seed')
		AND setting <> boot_val AND context = 'user'`)
	if err != nil {
		return nil, fmt.Errorf("read the planner's settings: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (b *sandbox) close(ctx context.Context) error {
	var err error
	if b.conn != nil {
		err = b.conn.Close(ctx)
	}
	return errors.Join(err, b.cluster.Stop())
}

// learn makes the candidates, empty, gives all files their size and starts the server anew, so that it
// has not seen them before.
func (b *sandbox) learn(ctx context.Context, all []*index, list []*statement) error {
	for _, x := range all {
		name := b.prefix + strconv.Itoa(x.number)
		if _, err := b.conn.Exec(ctx, "CREATE INDEX "+name+" ON "+x.definition()); err != nil {
			if b.conn.IsClosed() {
				return fmt.Errorf("make %s: %w", x.definition(), err)
			}
			continue // no such operator class here, or a function that is not immutable
		}
		var oid uint32
		err := b.conn.QueryRow(ctx, "SELECT oid FROM pg_class WHERE relname = $1", name).Scan(&oid)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		b.oids[x] = oid
	}
	if err := b.copier.sizes(ctx); err != nil { // not before: making an index counts the table anew
		return fmt.Errorf("copy sizes to the sandbox: %w", err)
	}
	files, err := b.files(ctx)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '" + b.prefix + "%'", "CHECKPOINT",
	} {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("prepare the sandbox: %w", err)
		}
	}
	began := time.Now()
	if err := b.cluster.Kill(); err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(); err != nil {
			return fmt.Errorf("size the sandbox's files: %w", err)
		}
	}
	if err := b.cluster.Restart(ctx); err != nil {
		return fmt.Errorf("restart the sandbox: %w", err)
	}
	if b.conn, err = pgx.Connect(ctx, b.cluster.URL()); err != nil {
		return fmt.Errorf("connect to the sandbox: %w", err)
	}
	b.restarted = time.Since(began)
	return b.open(ctx, list)
}

// files are those of all tables and indexes, with what their sizes have to be.
func (b *sandbox) files(ctx context.Context) ([]relationFile, error) {
	sizes := map[uint32]*index{}
	for x, oid := range b.oids {
		sizes[oid] = x
		_, err := b.conn.Exec(ctx, "UPDATE pg_class SET relpages = $1, reltuples = $2 WHERE oid = $3",
			int32(min(x.size/pageBytes, 1<<30)), float32(x.rows()), oid)
		if err != nil {
			return nil, fmt.Errorf("write sizes: %w", err)
		}
	}
	rows, err := b.conn.Query(ctx, `SELECT c.oid, current_setting('data_directory') || '/' || pg_relation_filepath(c.oid), c.relpages,
	CASE WHEN m.amname = 'btree' THEN c.relpages ELSE 0 END
	FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam
	WHERE c.oid >= 16384 AND c.relkind IN ('r', 'i', 'm') AND c.relnamespace <> 'pg_toast'::regnamespace`)
	if err != nil {
		return nil, fmt.Errorf("find the files: %w", err)
	}
	var (
		files []relationFile
		oid   uint32
		f     relationFile
		tree  int64
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &f.path, &f.pages, &tree}, func() error {
		one := f
		one.height = -1
		if x := sizes[oid]; x != nil && x.method == "btree" {
			one.height = x.height()
		} else if tree > 0 {
			one.height = guessedHeight(tree)
		}
		files = append(files, one)
		return nil
	})
	return files, err
}

func (b *sandbox) knows(x *index) bool { return b.oids[x] != 0 }

// open makes the session in which statements are planned; statements are prepared in it anew.
func (b *sandbox) open(ctx context.Context, list []*statement) error {
	var err error
	if b.session, err = newSession(ctx, b.conn, b.limit); err != nil {
		return err
	}
	for _, sql := range []string{"SET default_transaction_read_only = off", "SET search_path = " + b.path} {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	for _, st := range list {
		if _, err := b.session.prepare(ctx, st); err != nil {
			if b.conn.IsClosed() {
				return err
			}
			st.explain, st.blind = nil, err // the sandbox lacks something that it needs
		}
	}
	return nil
}

// price shows the planner the indexes of set in a transaction that is rolled back.
func (b *sandbox) price(ctx context.Context, list []*statement, set []*index) ([]priced, error) {
	oids, names := make([]string, len(set)), make([]string, len(set))
	for i, x := range set {
		oids[i], names[i] = strconv.FormatUint(uint64(b.oids[x]), 10), b.prefix+strconv.Itoa(x.number)
	}
	before := []setup{{sql: "BEGIN"}}
	if len(set) > 0 {
		before = append(before, setup{
			sql: "UPDATE pg_index SET indisvalid = true WHERE indexrelid IN (" + strings.Join(oids, ",") + ")",
		})
	}
	plans, err := b.session.plans(ctx, before, list)
	if _, undo := b.conn.Exec(ctx, "ROLLBACK"); undo != nil || err != nil {
		return nil, errors.Join(err, undo)
	}
	return pricesOf(plans, names, set), nil
}

func (b *sandbox) about() (name, confidence string) {
	return "sandbox of Postgres " + strconv.Itoa(b.session.version/10000), postgres.ConfidenceSandbox
}
