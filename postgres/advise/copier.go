package advise

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// copier copies what a planner needs to know of tables from one server to another: their definitions, keys
// and statistics. It copies no row, and no function: what the other server would run is its own.
type copier struct {
	source, target *pgx.Conn
	tables         map[[2]string]*table
	oids           []uint32
}

func (c *copier) run(ctx context.Context) error {
	for _, t := range c.tables {
		c.oids = append(c.oids, t.oid)
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"types", c.types},
		{"tables", c.definitions},
		{"constraints", func(ctx context.Context) error { return c.each(ctx, constraintsSQL) }},
		{"indexes", func(ctx context.Context) error { return c.each(ctx, indexDefinitionsSQL) }},
		{"views", c.views},
		{"statistics", c.statistics},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

const (
	typesSQL = `SELECT sql FROM (
	SELECT 0 AS n, format('CREATE SCHEMA IF NOT EXISTS %I', nspname) AS sql FROM pg_namespace
		WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
	UNION ALL SELECT 1, format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', e.extname, n.nspname)
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
	UNION ALL SELECT 2, format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
			(SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e'
	UNION ALL SELECT 3, format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND n.nspname <> 'information_schema'
	) AS made ORDER BY n`

	definitionsSQL = `SELECT format('CREATE TABLE %I.%I (%s)', n.nspname, c.relname, string_agg(
		format('%I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attcollation <> t.typcollation THEN format(' COLLATE %I.%I', ln.nspname, l.collname) END,
			CASE WHEN a.attnotnull THEN ' NOT NULL' END), ', ' ORDER BY a.attnum))
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
	JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
	LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace
	WHERE c.oid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.oid, n.nspname, c.relname`

	constraintsSQL = `SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid))
	FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE k.conrelid = ANY($1) AND k.contype IN ('p', 'u', 'f') ORDER BY k.contype = 'f', k.oid`

	indexDefinitionsSQL = `SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
	WHERE i.indrelid = ANY($1) AND i.indisvalid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))`

	viewsSQL = `SELECT format('CREATE VIEW %I.%I AS %s', n.nspname, c.relname, pg_get_viewdef(c.oid))
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'v' AND c.oid >= 16384 AND n.nspname !~ '^pg_' ORDER BY c.oid LIMIT 500`

	readStatisticsSQL = `SELECT s.schemaname::text, s.tablename::text, s.attname::text, s.null_frac::text, s.avg_width::text,
	s.n_distinct::text, s.most_common_vals::text, s.most_common_freqs::text, s.histogram_bounds::text, s.correlation::text,
	s.most_common_elems::text, s.most_common_elem_freqs::text, s.elem_count_histogram::text
FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
WHERE c.oid = ANY($1) AND NOT s.inherited`

	// The kinds of slots are those of catalog/pg_statistic.h: 1 common values, 2 histogram, 3 correlation,
	// 4 common elements, 5 histogram of their number.
	writeStatisticsSQL = `INSERT INTO pg_statistic
SELECT a.attrelid, a.attnum, false, s.nulls::real, s.width::int, s.values::real,
	(common IS NOT NULL)::int, (histogram IS NOT NULL)::int * 2, (correlation IS NOT NULL)::int * 3,
	(elements IS NOT NULL)::int * 4, (counts IS NOT NULL)::int * 5,
	COALESCE(o.eq, 0), COALESCE(o.lt, 0), COALESCE(o.lt, 0), COALESCE(o.eq, 0), COALESCE(o.eq, 0),
	attcollation AS c1, attcollation AS c2, attcollation AS c3, attcollation AS c4, attcollation AS c5,
	shares::real[], NULL, ARRAY[correlation::real], element_shares::real[], counts::real[],
	array_in(common::cstring, a.atttypid, -1), array_in(histogram::cstring, a.atttypid, -1), array_in(NULL, 0, -1),
	array_in(elements::cstring, CASE WHEN a.atttypid = 'tsvector'::regtype THEN 'text'::regtype ELSE t.typelem END, -1), array_in(NULL, 0, -1)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
	$11::text[], $12::text[], $13::text[])
	AS s (schema, relation, attribute, nulls, width, values, common, shares, histogram, correlation, elements, element_shares, counts)
JOIN pg_namespace n ON n.nspname = s.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.relation
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attribute JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN LATERAL (SELECT max(p.amopopr) FILTER (WHERE p.amopstrategy = 3) AS eq, max(p.amopopr) FILTER (WHERE p.amopstrategy = 1) AS lt
	FROM pg_opclass k JOIN pg_amop p ON p.amopfamily = k.opcfamily AND p.amoplefttype = k.opcintype AND p.amoprighttype = k.opcintype
	WHERE k.opcdefault AND k.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') AND k.opcintype = CASE
		WHEN t.typtype = 'e' THEN 'anyenum'::regtype WHEN t.typtype = 'r' THEN 'anyrange'::regtype
		WHEN t.typcategory = 'A' THEN 'anyarray'::regtype WHEN t.oid = 'varchar'::regtype THEN 'text'::regtype
		WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END) o ON true`

	sizesSQL = `SELECT n.nspname::text, c.relname::text, c.relpages, c.reltuples, c.relallvisible,
	(pg_relation_size(c.oid) / current_setting('block_size')::int)::int
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY($1) OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY($1))`
)

// texts reads the statements that a query on the source writes.
func (c *copier) texts(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := c.source.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// try runs a statement in the sandbox. One that fails leaves something out that some statements may need;
// these cannot be planned there, and it is said of them.
func (c *copier) try(ctx context.Context, sql string) error {
	if _, err := c.target.Exec(ctx, sql); err != nil && c.target.IsClosed() {
		return err
	}
	return nil
}

func (c *copier) each(ctx context.Context, query string) error {
	list, err := c.texts(ctx, query, c.oids)
	if err != nil {
		return err
	}
	for _, sql := range list {
		if err := c.try(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) types(ctx context.Context) error {
	list, err := c.texts(ctx, typesSQL)
	for _, sql := range list {
		if err := c.try(ctx, sql); err != nil {
			return err
		}
	}
	return err
}

func (c *copier) definitions(ctx context.Context) error { return c.each(ctx, definitionsSQL) }

func (c *copier) views(ctx context.Context) error {
	list, err := c.texts(ctx, viewsSQL)
	for _, sql := range list {
		if err := c.try(ctx, strings.TrimSuffix(sql, ";")); err != nil {
			return err
		}
	}
	return err
}

const statisticsFields = 13

// statistics copies pg_stats into the sandbox's pg_statistic.
func (c *copier) statistics(ctx context.Context) error {
	rows, err := c.source.Query(ctx, readStatisticsSQL, c.oids)
	if err != nil {
		return err
	}
	fields := make([][]*string, statisticsFields)
	for rows.Next() {
		row, into := make([]*string, statisticsFields), make([]any, statisticsFields)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			rows.Close()
			return err
		}
		for i := range row {
			fields[i] = append(fields[i], row[i])
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(fields[0]) == 0 {
		return nil
	}
	// One column at a time where not all go at once: a value may be of a type that is not there.
	bulk := c.writeStatistics(ctx, fields)
	if bulk == nil || c.target.IsClosed() {
		return bulk
	}
	written := 0
	for k := range fields[0] {
		one := make([][]*string, statisticsFields)
		for i := range fields {
			one[i] = fields[i][k : k+1]
		}
		switch err := c.writeStatistics(ctx, one); {
		case err == nil:
			written++
		case c.target.IsClosed():
			return err
		}
	}
	if written == 0 {
		return bulk
	}
	return nil
}

func (c *copier) writeStatistics(ctx context.Context, fields [][]*string) error {
	args := make([]any, statisticsFields)
	for i := range fields {
		args[i] = fields[i]
	}
	_, err := c.target.Exec(ctx, writeStatisticsSQL, args...)
	return err
}

// sizes copies what pg_class says of tables and indexes, and keeps the pages that there are now for their files.
func (c *copier) sizes(ctx context.Context) error {
	rows, err := c.source.Query(ctx, sizesSQL, c.oids)
	if err != nil {
		return err
	}
	var (
		schema, name                 string
		pages, allVisible, havePages int32
		tuples                       float32
	)
	batch := &pgx.Batch{}
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &pages, &tuples, &allVisible, &havePages}, func() error {
		if pages > 0 { // the density that the planner goes by stays as it is
			tuples = float32(float64(tuples) * float64(havePages) / float64(pages))
			allVisible = min(int32(float64(allVisible)*float64(havePages)/float64(pages)), havePages)
		}
		batch.Queue(`UPDATE pg_class SET relpages = $3, reltuples = $4, relallvisible = $5
		WHERE relname = $2 AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`, schema, name, havePages, tuples, allVisible)
		return nil
	})
	if err != nil {
		return err
	}
	return c.target.SendBatch(ctx, batch).Close()
}
