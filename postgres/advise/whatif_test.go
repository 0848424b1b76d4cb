package advise

import (
	"math"
	"strings"
	"testing"
)

// Sizes foretold are those of indexes that are made: of few and of many values, of two columns, of a type that
// is not deduplicated, and with a column carried along.
func TestSizes(t *testing.T) {
	t.Parallel()
	conn := database(t, library...)
	list := []Proposed{
		{Schema: "public", Table: "books", Keys: []string{"shelf"}},
		{Schema: "public", Table: "books", Keys: []string{"id"}},
		{Schema: "public", Table: "books", Keys: []string{"sold", "shelf"}},
		{Schema: "public", Table: "books", Keys: []string{"price"}},
		{Schema: "public", Table: "books", Keys: []string{"added"}, Include: []string{"price"}},
		{Schema: "public", Table: "books", Keys: []string{"title"}},
	}
	sizes, err := Sizes(t.Context(), connect(t, conn.Config().ConnString()), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range list {
		sql := "CREATE INDEX trial ON books (" + strings.Join(p.Keys, ", ") + ")"
		if len(p.Include) > 0 {
			sql += " INCLUDE (" + strings.Join(p.Include, ", ") + ")"
		}
		var size float64
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT pg_relation_size('trial')").Scan(&size); err != nil {
			t.Fatal(err)
		}
		if off := float64(sizes[i])/size - 1; math.Abs(off) > 0.1 {
			t.Errorf("%s: foretold %d bytes, it takes %.0f", sql, sizes[i], size)
		}
		if _, err := conn.Exec(t.Context(), "DROP INDEX trial"); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []Proposed{
		{Schema: "public", Table: "nowhere", Keys: []string{"a"}},
		{Schema: "public", Table: "books", Keys: []string{"nothing"}},
		{Schema: "public", Table: "books"},
	} {
		if _, err := Sizes(t.Context(), connect(t, conn.Config().ConnString()), []Proposed{bad}); err == nil {
			t.Errorf("%+v has a size", bad)
		}
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	conn := database(t, library...)
	got, err := Try(t.Context(), conn, readers[:2], [][]Proposed{{}, {{Schema: "public", Table: "books", Keys: []string{"shelf"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Costs) != 2 || got.Costs[1][0] > 0.5*got.Costs[0][0] || got.Costs[1][1] != got.Costs[0][1] {
		t.Errorf("%+v: want the first statement cheaper, the second as it was", got)
	}
	if _, err := Try(t.Context(), connect(t, conn.Config().ConnString()), readers, nil); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a statement without a plan: %v", err)
	}
}
