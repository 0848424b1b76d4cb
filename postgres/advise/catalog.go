package advise

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const pageBytes = 8192

// column is one of a table, with what pg_stats says of it.
type column struct {
	num        int16
	name, kind string // kind is the type's name
	length     int16  // bytes, -1 for any
	align      byte   // c, s, i or d: 1, 2, 4 or 8 bytes
	width      float64
	nulls      float64   // share
	distinct   float64   // number of values, as pg_stats counts: negative is a share of the rows
	common     []float64 // shares of the most common values
	// correlation of the values with the order of rows, -1 to 1.
	correlation float64
	// btree tells that values can be sorted, dedup that equal ones are stored once.
	btree, dedup bool
}

// existing is an index that is there.
type existing struct {
	name   string
	method string
	// columns are the keys' numbers, 0 for an expression, and then those carried along.
	columns []int16
	keys    int
	partial bool
	unique  bool
	valid   bool
	bytes   int64
}

// table is what is known of one.
type table struct {
	oid           uint32
	schema, name  string
	kind          string // relkind
	pages, rows   float64
	partition     bool
	columns       []column
	indexes       []existing
	writes        writes
	sample        *sample
	shares        map[string]float64 // of the rows that meet a condition
	widths        map[string]float64 // of expressions, in bytes
	referencedMax map[string]float64 // columns of a foreign key → rows of the table it refers to
}

// writes are rows written a day.
type writes struct{ inserted, updated, hot, deleted float64 }

func (t *table) ident() string { return pgx.Identifier{t.schema, t.name}.Sanitize() }

// find returns the position of a column, -1 when there is none.
func (t *table) find(name string) int {
	for i := range t.columns {
		if t.columns[i].name == name {
			return i
		}
	}
	return -1
}

// values returns how many distinct values a column has.
func (t *table) values(i int) float64 {
	d := t.columns[i].distinct
	if d < 0 {
		d = -d * t.rows
	}
	if d == 0 { // never analysed
		d = t.rows / 10
	}
	return max(1, min(d, t.rows))
}

// refusal says why there is no advice on a table; empty when there may be.
func (t *table) refusal() string {
	switch {
	case t.schema == "information_schema" || strings.HasPrefix(t.schema, "pg_"):
		return "it belongs to the system"
	case t.partition:
		return "it is a partition; make indexes on the parent"
	case t.kind != "r" && t.kind != "m":
		return "it is no plain table"
	}
	return ""
}

const (
	tablesSQL = `SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
	(pg_relation_size(c.oid) / current_setting('block_size')::int)::float8, greatest(c.reltuples, 0)::float8,
	COALESCE(s.n_tup_ins, 0)::float8, COALESCE(s.n_tup_upd, 0)::float8, COALESCE(s.n_tup_hot_upd, 0)::float8,
	COALESCE(s.n_tup_del, 0)::float8,
	COALESCE((SELECT extract(epoch FROM now() - stats_reset) FROM pg_stat_database WHERE datname = current_database()),
		extract(epoch FROM now() - pg_postmaster_start_time()), 0)::float8
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace n ON n.nspname = wanted.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid ORDER BY c.oid`

	columnsSQL = `SELECT a.attrelid, a.attnum, a.attname::text, format_type(a.atttypid, NULL), a.attlen, a.attalign::text,
	COALESCE(s.avg_width, CASE WHEN a.attlen > 0 THEN a.attlen ELSE 16 END)::float8, COALESCE(s.null_frac, 0)::float8,
	COALESCE(s.n_distinct, 0)::float8, COALESCE(s.most_common_freqs, '{}')::float8[], COALESCE(s.correlation, 0)::float8,
	o.oid IS NOT NULL, COALESCE(p.amprocnum IS NOT NULL AND (a.attcollation = 0 OR l.collisdeterministic), false)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
LEFT JOIN pg_opclass o ON o.opcdefault AND o.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') AND o.opcintype = CASE
	WHEN t.typtype = 'e' THEN 'anyenum'::regtype WHEN t.typtype = 'r' THEN 'anyrange'::regtype
	WHEN t.typcategory = 'A' THEN 'anyarray'::regtype WHEN t.oid = 'varchar'::regtype THEN 'text'::regtype
	WHEN t.typtype = 'd' THEN CASE WHEN t.typbasetype = 'varchar'::regtype THEN 'text'::regtype ELSE t.typbasetype END ELSE t.oid END
LEFT JOIN pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
	AND p.amprocnum = 4
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`

	indexesSQL = `SELECT i.indrelid, c.relname::text, m.amname::text, i.indkey::text, i.indnkeyatts::int, i.indpred IS NOT NULL,
	i.indisunique, i.indisvalid, pg_relation_size(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY($1) ORDER BY i.indexrelid`

	referencesSQL = `SELECT f.conrelid, (SELECT string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_attribute a
		WHERE a.attrelid = f.conrelid AND a.attnum = ANY(f.conkey)), greatest(c.reltuples, 1)::float8
FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid WHERE f.contype = 'f' AND f.conrelid = ANY($1)`
)

// readTables reads what the catalog has on the tables named, by "schema.name".
func readTables(ctx context.Context, conn *pgx.Conn, names [][2]string) (map[[2]string]*table, error) {
	schemas, relations := make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		schemas[i], relations[i] = n[0], n[1]
	}
	found, byOID := map[[2]string]*table{}, map[uint32]*table{}
	rows, err := conn.Query(ctx, tablesSQL, schemas, relations)
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	var (
		t       table
		seconds float64
		oids    []uint32
	)
	_, err = pgx.ForEachRow(rows, []any{
		&t.oid, &t.schema, &t.name, &t.kind, &t.partition, &t.pages, &t.rows,
		&t.writes.inserted, &t.writes.updated, &t.writes.hot, &t.writes.deleted, &seconds,
	}, func() error {
		one := t
		one.writes = t.writes.aDay(seconds)
		one.referencedMax = map[string]float64{}
		found[[2]string{t.schema, t.name}], byOID[t.oid] = &one, &one
		oids = append(oids, t.oid)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	for _, read := range []func(context.Context, *pgx.Conn, []uint32, map[uint32]*table) error{readColumns, readIndexes, readReferences} {
		if err := read(ctx, conn, oids, byOID); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// aDay turns what was counted in so many seconds into what a day brings; less than a day counts as one, so that
// a load just now is not taken for what goes on for ever.
func (w writes) aDay(seconds float64) writes {
	scale := 86400 / max(seconds, 86400)
	return writes{w.inserted * scale, w.updated * scale, w.hot * scale, w.deleted * scale}
}

func readColumns(ctx context.Context, conn *pgx.Conn, oids []uint32, tables map[uint32]*table) error {
	rows, err := conn.Query(ctx, columnsSQL, oids)
	if err != nil {
		return fmt.Errorf("read the columns: %w", err)
	}
	var (
		oid   uint32
		c     column
		align string
	)
	_, err = pgx.ForEachRow(rows, []any{
		&oid, &c.num, &c.name, &c.kind, &c.length, &align, &c.width, &c.nulls, &c.distinct, &c.common, &c.correlation, &c.btree, &c.dedup,
	}, func() error {
		c.align = align[0]
		tables[oid].columns = append(tables[oid].columns, c)
		c.common = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the columns: %w", err)
	}
	return nil
}

func readIndexes(ctx context.Context, conn *pgx.Conn, oids []uint32, tables map[uint32]*table) error {
	rows, err := conn.Query(ctx, indexesSQL, oids)
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	var (
		oid  uint32
		i    existing
		nums string
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &i.name, &i.method, &nums, &i.keys, &i.partial, &i.unique, &i.valid, &i.bytes}, func() error {
		one := i
		for field := range strings.FieldsSeq(nums) {
			var n int16
			if _, err := fmt.Sscan(field, &n); err != nil {
				return fmt.Errorf("index %s has the columns %q: %w", i.name, nums, err)
			}
			one.columns = append(one.columns, n)
		}
		tables[oid].indexes = append(tables[oid].indexes, one)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	return nil
}

func readReferences(ctx context.Context, conn *pgx.Conn, oids []uint32, tables map[uint32]*table) error {
	rows, err := conn.Query(ctx, referencesSQL, oids)
	if err != nil {
		return fmt.Errorf("read the foreign keys: %w", err)
	}
	var (
		oid   uint32
		names string
		most  float64
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &names, &most}, func() error {
		tables[oid].referencedMax[names] = most
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the foreign keys: %w", err)
	}
	return nil
}
