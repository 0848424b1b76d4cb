package advise

import (
	"math"
	"testing"
	"time"
)

// shop is a schema with what a sandbox has to copy.
var shop = []string{
	"CREATE TYPE stage AS ENUM ('new', 'paid', 'sent')",
	"CREATE TABLE buyers (id int PRIMARY KEY, name varchar(40) NOT NULL)",
	`CREATE TABLE sales (id int PRIMARY KEY, buyer int NOT NULL REFERENCES buyers, state stage NOT NULL, day date NOT NULL,
		amount numeric(12,2) NOT NULL, tags text[], note text)`,
	"INSERT INTO buyers SELECT n, 'buyer ' || n FROM generate_series(1, 2000) n",
	`INSERT INTO sales SELECT n, 1 + n * 7919 % 2000, (ARRAY['new','paid','sent'])[1 + n % 17 / 8]::stage, date '2024-01-01' + n / 100,
		n % 1000, ARRAY['t' || n % 50], repeat('x', 60) FROM generate_series(1, 60000) n`,
	"CREATE VIEW big AS SELECT * FROM sales WHERE amount > 900",
	"VACUUM ANALYZE",
}

// A sandbox without a row plans as the server does, without further indexes and with each of some.
func TestSandboxPlansLikeTheServer(t *testing.T) {
	t.Parallel()
	conn := database(t, shop...)
	workload := []Statement{
		{SQL: "SELECT sum(amount) FROM sales WHERE buyer = 77", CallsPerDay: 1000, MeanSeconds: 0.01},
		{SQL: "SELECT * FROM sales WHERE day >= date '2024-03-01' AND day < date '2024-03-04'", CallsPerDay: 100, MeanSeconds: 0.01},
		{SQL: "SELECT name, count(*) FROM big JOIN buyers ON buyers.id = buyer WHERE state = 'new' GROUP BY name", CallsPerDay: 10, MeanSeconds: 0.02},
	}
	s := &search{cfg: Config{}.withDefaults(), known: map[int][]record{}, deadline: time.Now().Add(time.Minute)}
	session, err := newSession(t.Context(), conn, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var a Advice
	if err := s.read(t.Context(), session, workload, &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Skipped) > 0 {
		t.Fatalf("skipped: %+v", a.Skipped)
	}
	var costs []float64
	for _, st := range s.statements {
		costs = append(costs, st.cost)
	}
	box, err := openSandbox(t.Context(), conn, s.tables, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if err := box.learn(t.Context(), s.candidates, s.statements); err != nil {
		t.Fatal(err)
	}
	for _, st := range s.statements {
		if st.blind != nil {
			t.Fatalf("%s: %v", st.SQL, st.blind)
		}
	}
	base, err := box.price(t.Context(), s.statements, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range base {
		if off := math.Abs(base[i].cost/costs[i] - 1); off > 0.03 {
			t.Errorf("%s: costs %.0f in the sandbox and %.0f in fact", s.statements[i].SQL, base[i].cost, costs[i])
		}
	}
	writer := connect(t, conn.Config().ConnString())
	for _, x := range s.candidates {
		if x.method != "btree" {
			continue
		}
		if !box.knows(x) {
			t.Errorf("not in the sandbox: %s", x.definition())
			continue
		}
		prices, err := box.price(t.Context(), s.statements, []*index{x})
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"CREATE INDEX trial ON " + x.definition(), "VACUUM sales", "VACUUM buyers"} {
			if _, err := writer.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		for i, st := range s.statements {
			plan, err := session.plan(t.Context(), st)
			if err != nil {
				t.Fatal(err)
			}
			if off := math.Abs(prices[i].cost/plan.Total - 1); off > 0.15 {
				t.Errorf("%s\nwith %s: costs %.0f in the sandbox and %.0f in fact", st.SQL, x.definition(), prices[i].cost, plan.Total)
			}
		}
		if _, err := writer.Exec(t.Context(), "DROP INDEX trial"); err != nil {
			t.Fatal(err)
		}
	}
}
