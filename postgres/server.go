package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// marker is in every statement of the monitor, so that it is not counted among those of the
// program, and can be told in the server's log.
const marker = "/* upshift */"

// minStatementsVersion is the first of pg_stat_statements with total_exec_time: that of
// Postgres 13.
const minStatementsVersion = 1.08

// server is what the monitor needs to know of a server.
type server struct {
	version        string
	versionNumber  int // 150018 is 15.18
	recovering     bool
	user, database string
	databaseID     uint32
	superuser      bool
	readsAllStats  bool
	maxConnections int
	reserved       int
	preloaded      *string // shared_preload_libraries; nil when it may not be read

	extension       *string // version of pg_stat_statements; nil when it is not there
	extensionSchema *string
}

const serverSQL = `SELECT ` + marker + `
	split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int,
	pg_is_in_recovery(), current_user::text, current_database()::text,
	(SELECT oid FROM pg_database WHERE datname = current_database()),
	COALESCE((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false),
	pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
	current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
	(SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'),
	e.extversion, n.nspname::text
FROM (SELECT) AS one
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace`

func readServer(ctx context.Context, tx pgx.Tx) (s server, err error) {
	err = tx.QueryRow(ctx, serverSQL).Scan(&s.version, &s.versionNumber, &s.recovering, &s.user, &s.database, &s.databaseID,
		&s.superuser, &s.readsAllStats, &s.maxConnections, &s.reserved, &s.preloaded, &s.extension, &s.extensionSchema)
	if err != nil {
		return server{}, fmt.Errorf("read the server's settings: %w", err)
	}
	return s, nil
}

// statementsVersion is that of pg_stat_statements as a number: 1.10 is 1.1, so the minor
// part is taken as hundredths.
func (s server) statementsVersion() float64 {
	if s.extension == nil {
		return 0
	}
	var major, minor int
	if n, err := fmt.Sscanf(*s.extension, "%d.%d", &major, &minor); err != nil || n != 2 {
		return 0
	}
	return float64(major) + float64(minor)/100
}

// warnings say what cannot be seen and how to change it, as statements to paste.
func (s server) warnings() []string {
	warnings := []string{}
	name := pgx.Identifier{s.database}.Sanitize()
	role := pgx.Identifier{s.user}.Sanitize()
	switch {
	case s.extension == nil && s.preloaded != nil && !strings.Contains(*s.preloaded, "pg_stat_statements"):
		warnings = append(warnings, "statements are not counted by the server: add pg_stat_statements to "+
			"shared_preload_libraries in postgresql.conf, restart the server, then run in database "+name+
			" as superuser: CREATE EXTENSION pg_stat_statements;")
	case s.extension == nil:
		warnings = append(warnings, "statements are not counted by the server: run in database "+name+
			" as superuser: CREATE EXTENSION pg_stat_statements; (the library must be in shared_preload_libraries)")
	case s.statementsVersion() < minStatementsVersion:
		warnings = append(warnings, "pg_stat_statements "+*s.extension+" is too old to be read: run in database "+name+
			" as superuser: ALTER EXTENSION pg_stat_statements UPDATE; (Postgres 13 or newer)")
	case !s.readsAllStats:
		warnings = append(warnings, "only statements of "+role+" itself can be seen: run as superuser: "+
			"GRANT pg_read_all_stats TO "+role+";")
	}
	if s.superuser {
		warnings = append(warnings, "connected as superuser "+role+", which is more than watching needs: "+
			"a role with GRANT pg_monitor TO the_role; is enough (vacuum needs the owner of the tables)")
	}
	return warnings
}

// readOnly runs do in a transaction that cannot write and whose statements are bounded in
// time, and rolls it back. All settings end with it, so that a pooler in between is fine.
func readOnly(ctx context.Context, conn *pgx.Conn, limit time.Duration, do func(tx pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: "BEGIN " + marker + " READ ONLY"})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err = setLimits(ctx, tx, limit)
	if err == nil {
		err = do(tx)
	}
	if rollback := tx.Rollback(ctx); err == nil && rollback != nil {
		return fmt.Errorf("roll back: %w", rollback)
	}
	return err
}

func setLimits(ctx context.Context, tx pgx.Tx, limit time.Duration) error {
	for _, set := range []struct {
		name  string
		limit time.Duration
	}{
		{"statement_timeout", limit},
		{"lock_timeout", min(limit, time.Second)},
		{"idle_in_transaction_session_timeout", 2*limit + time.Second},
	} {
		_, err := tx.Exec(ctx, fmt.Sprintf("SET %s LOCAL %s = %d", marker, set.name, max(1, set.limit.Milliseconds())))
		if err != nil {
			return fmt.Errorf("set %s: %w", set.name, err)
		}
	}
	return nil
}
