package advise

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

// How much of what a planner promises is kept. On the database of bench/tpch statements whose plan became a little
// cheaper ran slower as often as faster; those whose cost fell to less than sureRatio all got faster, by a quarter
// of what was promised at least.
const (
	sureRatio = 0.6
	keptLeast = 0.25
	keptMost  = 1.2
)

const shownStatements = 10 // with a recommendation

// report turns what was chosen into recommendations.
func (s *search) report(ctx context.Context, a *Advice) error {
	a.Engine, a.Confidence = s.engine.about()
	a.Candidates, a.Asked = len(s.candidates), s.asked
	s.deadline = time.Now().Add(s.cfg.Timeout / 2) // to look at each once more, alone taken out
	for _, x := range s.chosen {
		a.SizeBytes += int64(x.size)
		_, costs, err := s.evaluate(ctx, without(s.chosen, x), s.chosen)
		if err != nil {
			return err
		}
		a.Recommendations = append(a.Recommendations, s.recommendation(x, costs, a))
	}
	sort.SliceStable(a.Recommendations, func(i, k int) bool {
		return a.Recommendations[i].SavedSecondsPerDay.Mid > a.Recommendations[k].SavedSecondsPerDay.Mid
	})
	return nil
}

// recommendation tells of x, when costs are those without it.
func (s *search) recommendation(x *index, costs []float64, a *Advice) postgres.Recommendation {
	r := postgres.Recommendation{
		ID: x.id(), Name: x.name(), Schema: x.table.schema, Table: x.table.name, Columns: x.keyTexts(false), Include: []string{},
		Method: x.method, Predicate: x.where, SizeBytes: int64(x.size), WriteSecondsPerDay: x.writes,
		Confidence: a.Confidence, Engine: a.Engine, Statements: []postgres.IndexedStatement{},
	}
	for _, i := range x.include {
		r.Include = append(r.Include, x.table.columns[i].name)
	}
	r.DDL = "CREATE INDEX CONCURRENTLY " + pgx.Identifier{r.Name}.Sanitize() + " ON " + x.definition()
	r.UndoDDL = "DROP INDEX CONCURRENTLY " + pgx.Identifier{x.table.schema, r.Name}.Sanitize()
	saved, least, most := 0.0, 0.0, 0.0
	for i, st := range s.statements {
		less := (costs[i] - s.costs[i]) / math.Max(st.cost, 1e-9) * st.seconds
		if !slices.Contains(x.statements, i) || math.Abs(less) < 1e-9 {
			continue
		}
		saved += less
		if s.costs[i] < sureRatio*costs[i] && r.Confidence != postgres.ConfidenceStructural {
			least += keptLeast * less
		}
		most += st.seconds
		r.Statements = append(r.Statements, postgres.IndexedStatement{
			Fingerprint: st.Fingerprint, Query: st.Query, CallsPerDay: st.CallsPerDay, MeanSeconds: st.MeanSeconds,
			CostBefore: costs[i], CostAfter: s.costs[i], SavedSecondsPerDay: less,
		})
	}
	sort.SliceStable(r.Statements, func(i, k int) bool {
		return r.Statements[i].SavedSecondsPerDay > r.Statements[k].SavedSecondsPerDay
	})
	r.Statements = r.Statements[:min(len(r.Statements), shownStatements)]
	r.SavedSecondsPerDay = postgres.Interval{Low: least, Mid: saved, High: math.Max(saved, math.Min(saved*keptMost, most))}
	r.Evidence = s.evidence(x, &r)
	r.Digest = digest(&r)
	return r
}

func (s *search) evidence(x *index, r *postgres.Recommendation) []string {
	list := []string{fmt.Sprintf("The planner would use it for %d of %d statements, priced by %s.", len(r.Statements), len(s.statements), r.Engine)}
	if r.Confidence == postgres.ConfidenceStructural {
		list[0] = fmt.Sprintf("Figured from statistics for %d of %d statements; no planner has seen it.", len(r.Statements), len(s.statements))
	}
	if len(r.Statements) > 0 {
		top := r.Statements[0]
		list = append(list, fmt.Sprintf("The plan of statement %s costs %.0f in place of %.0f.", top.Fingerprint, top.CostAfter, top.CostBefore))
	}
	list = append(list, fmt.Sprintf("It takes %.1f MB beside a table of %.1f MB.", x.size/1e6, x.table.pages*pageBytes/1e6))
	if w := x.table.writes; w.inserted+w.updated > 0 {
		list = append(list, fmt.Sprintf("%.0f rows a day are inserted and %.0f updated, which would take %.1f s longer.", w.inserted, w.updated, x.writes))
	}
	return list
}

// digest holds what a person decides by: the statement, and the claims as far as they are meant.
func digest(r *postgres.Recommendation) string {
	claims := []string{r.DDL, r.Confidence, rough(float64(r.SizeBytes)), rough(r.SavedSecondsPerDay.Mid), rough(r.WriteSecondsPerDay)}
	sum := sha256.Sum256([]byte(strings.Join(claims, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// rough is a number to within a factor of two.
func rough(v float64) string {
	if v <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.0f", math.Round(math.Log2(v)))
}
