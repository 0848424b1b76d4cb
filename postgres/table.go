package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const maxTableNameSize = 300 // bytes of a name that are looked up

// table is a relation as the catalog has it; a refusal says why it is not vacuumed.
type table struct {
	name            pgx.Identifier
	status, refusal string
}

const findTableSQL = `SELECT ` + marker + ` n.nspname::text, c.relname::text, c.relkind::text,
	EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.relid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $2 AND (n.nspname = $1 OR $1 = '' AND pg_table_is_visible(c.oid))`

func findTable(ctx context.Context, conn *pgx.Conn, name string) (table, error) {
	if len(name) > maxTableNameSize || strings.ContainsRune(name, 0) {
		return table{}, fmt.Errorf("there is no table %q: a name has at most 63 bytes", shown(name))
	}
	for _, parts := range readings(name) {
		var (
			schema, relation, kind string
			busy                   bool
		)
		err := conn.QueryRow(ctx, findTableSQL, parts[0], parts[1]).Scan(&schema, &relation, &kind, &busy)
		switch {
		case err == nil:
			return judgeTable(schema, relation, kind, busy), nil
		case !errors.Is(err, pgx.ErrNoRows):
			return table{}, fmt.Errorf("look for table %q: %w", shown(name), err)
		}
	}
	return table{}, fmt.Errorf("there is no table %q here; name it as schema.table", shown(name))
}

func judgeTable(schema, relation, kind string, busy bool) table {
	t := table{name: pgx.Identifier{schema, relation}, status: StatusError}
	switch {
	case schema == "information_schema" || strings.HasPrefix(schema, "pg_"):
		t.refusal = "it belongs to the system, which looks after it by itself"
	case !strings.Contains("rmp", kind):
		t.refusal = "it is not a table or materialised view"
	case busy:
		t.status, t.refusal = StatusSkipped, "it is being vacuumed already"
	}
	return t
}

// readings are the schema and table that a name may mean, the likeliest first: as written
// and, for what is not quoted, in lower case.
func readings(name string) [][2]string {
	schema, relation := splitName(name)
	list := [][2]string{{schema, relation}}
	if !strings.Contains(name, `"`) {
		if lower := [2]string{strings.ToLower(schema), strings.ToLower(relation)}; lower != list[0] {
			list = append(list, lower)
		}
	}
	if schema != "" {
		list = append(list, [2]string{"", name}) // a table with a dot in its name
	}
	return list
}

// splitName splits schema.table, either of which may be "quoted".
func splitName(name string) (schema, relation string) {
	name = strings.TrimSpace(name)
	dot, quoted := -1, false
	for i := range len(name) {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '.' && !quoted && dot < 0:
			dot = i
		}
	}
	if dot < 0 {
		return "", unquote(name)
	}
	return unquote(name[:dot]), unquote(name[dot+1:])
}

func unquote(part string) string {
	if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
		return strings.ReplaceAll(part[1:len(part)-1], `""`, `"`)
	}
	return part
}

// shown cuts a name for an error.
func shown(name string) string {
	const most = 80
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + ellipsis
}
