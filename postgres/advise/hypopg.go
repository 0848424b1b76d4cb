package advise

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

// safeHypothetical is the first HypoPG that is known not to take the server down over partial indexes and
// views (HypoPG issue 116, mended in 1.4.5).
const safeHypothetical = 1.0405

// hypoPG prices by the server's own planner with indexes that exist in one session's memory only.
type hypoPG struct {
	session *session
	made    map[*index]bool // whether the server took it
}

func newHypoPG(s *session) *hypoPG { return &hypoPG{session: s, made: map[*index]bool{}} }

// can tells whether an index may be tried.
func (h *hypoPG) can(x *index) bool {
	if x.method != "btree" && x.method != "brin" {
		return false
	}
	computed := false
	for _, k := range x.keys {
		computed = computed || k.column < 0
	}
	return !computed && x.where == "" || h.session.hypothetical >= safeHypothetical
}

// learn finds out which indexes the server takes; the others are left out from then on.
func (h *hypoPG) learn(ctx context.Context, all []*index, _ []*statement) error {
	for _, x := range all {
		if !h.can(x) {
			continue
		}
		_, err := h.session.conn.Exec(ctx, "SELECT "+marker+" hypopg_create_index($1)", pgx.QueryExecModeExec, "CREATE INDEX ON "+x.definition())
		h.made[x] = err == nil
		if h.session.conn.IsClosed() {
			return fmt.Errorf("try %s: %w", x.definition(), err)
		}
	}
	_, err := h.session.conn.Exec(ctx, "SELECT "+marker+" hypopg_reset()")
	return err
}

func (h *hypoPG) knows(x *index) bool { return h.made[x] }

func (h *hypoPG) price(ctx context.Context, list []*statement, set []*index) ([]priced, error) {
	before := []setup{{sql: "SELECT " + marker + " hypopg_reset()"}}
	names := make([]string, len(set))
	for i, x := range set {
		before = append(before, setup{
			sql:  "SELECT " + marker + " indexname FROM hypopg_create_index(" + literal("CREATE INDEX ON "+x.definition()) + ")",
			name: &names[i],
		})
	}
	plans, err := h.session.plans(ctx, before, list)
	if err != nil {
		return nil, err
	}
	return pricesOf(plans, names, set), nil
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (h *hypoPG) close(context.Context) error { return nil }

func (h *hypoPG) about() (name, confidence string) {
	return "HypoPG " + versionText(h.session.hypothetical), postgres.ConfidenceHypothetical
}

func versionText(v float64) string {
	n := int(v*10000 + 0.5)
	return strconv.Itoa(n/10000) + "." + strconv.Itoa(n/100%100) + "." + strconv.Itoa(n%100)
}
