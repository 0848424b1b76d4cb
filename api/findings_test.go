package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/postgres"
)

// oneFinding is a Snapshot in which nothing is wrong but the database.
func oneFinding() advisor.Snapshot {
	return advisor.Snapshot{
		At: time.Now(), Parts: []advisor.Part{}, Loops: []advisor.Loop{}, Alerts: []alert.Alert{},
		Database: &postgres.Stats{LastError: "connection refused"},
	}
}

const itsID = "database-not-connected"

func TestDismissAndRevert(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openState(t, dir)
	k := newKit(t, Parts{DataDir: dir, State: db, Snapshot: oneFinding})
	list := func(k *kit) Recommendations {
		return dataOf[Recommendations](t, k.ask(Viewer, http.MethodGet, base+"/recommendations", ""))
	}
	act := func(verb, body string, want int) {
		t.Helper()
		w := k.ask(Admin, http.MethodPost, base+"/recommendations/"+itsID+"/"+verb, body)
		if w.Code != want {
			t.Errorf("%s %s: status %d, want %d: %s", verb, body, w.Code, want, w.Body)
		}
	}
	v := list(k)
	if v.TotalCount != 1 || v.CriticalCount != 1 || v.Recommendations[0].State != FindingOpen {
		t.Fatalf("got %+v, want one critical finding", v)
	}
	digest := v.Recommendations[0].Digest

	act("apply", "", http.StatusConflict)
	act("revert", "", http.StatusConflict)
	act("dismiss", `{"digest":"of another time"}`, http.StatusConflict)
	act("dismiss", `{"digest":"`+digest+`"}`, http.StatusOK)
	act("dismiss", "", http.StatusConflict)

	again := newKit(t, Parts{DataDir: t.TempDir(), State: db, Snapshot: oneFinding}) // as after a restart
	for _, k := range []*kit{k, again} {
		v = list(k)
		if v.TotalCount != 0 || v.CriticalCount != 0 || len(v.Recommendations) != 1 || v.Recommendations[0].State != FindingDismissed {
			t.Errorf("after the dismissal: got %+v", v)
		}
	}
	if f, err := k.Live(t.Context()); err != nil || f.Recommendations != 0 {
		t.Errorf("live: %d recommendations, err %v; want none", f.Recommendations, err)
	}

	act("revert", "", http.StatusOK)
	if v = list(k); v.TotalCount != 1 || v.Recommendations[0].State != FindingOpen {
		t.Errorf("after the revert: got %+v", v)
	}
}

func TestOnlyAdminsDismiss(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{Snapshot: oneFinding})
	if w := k.ask(Operator, http.MethodPost, base+"/recommendations/"+itsID+"/dismiss", ""); w.Code != http.StatusForbidden {
		t.Errorf("operator: status %d", w.Code)
	}
}
