package demo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCorpusIsMadeFromItsSeed(t *testing.T) {
	t.Parallel()
	a, b, other := sharedCorpus(), newCorpus(1), newCorpus(2)
	if diff := cmp.Diff(a.chunks, b.chunks); diff != "" {
		t.Errorf("the same seed made other text:\n%s", diff)
	}
	if a.chunks[0].Content == other.chunks[0].Content {
		t.Error("another seed made the same text")
	}
	if len(a.documents) != documentCount || len(a.chunks) != documentCount*chunksPerDocument {
		t.Errorf("%d documents, %d chunks", len(a.documents), len(a.chunks))
	}
}

func TestEveryQuestionFindsPassages(t *testing.T) {
	t.Parallel()
	c := sharedCorpus()
	seen := map[string]bool{}
	for _, q := range c.questions {
		if seen[q] {
			t.Errorf("%q is asked twice", q)
		}
		seen[q] = true
		topic := topicIn(q)
		found, err := c.search(t.Context(), query{topic: topic, limit: 8})
		if err != nil || len(found) == 0 || len(found) > 8 {
			t.Errorf("%q (topic %q): %d passages, %v", q, topic, len(found), err)
		}
		for _, f := range found {
			if f.Topic != topic {
				t.Errorf("%q found a passage about %q", q, f.Topic)
			}
		}
	}
}

func TestTopicIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, question, want string }{
		{"both", "What causes start-up in a Pump?", "start-up pump"},
		{"the first counts", "pressure noise valve pump", "pressure valve"},
		{"no aspect", "pump", ""},
		{"nothing", "who are you?", ""},
		{"empty", "", ""},
		{"part of a word", "pumps and pressures", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := topicIn(tc.question); got != tc.want {
				t.Errorf("topicIn(%q) = %q, want %q", tc.question, got, tc.want)
			}
		})
	}
}

func TestRankPutsTheLikestFirst(t *testing.T) {
	t.Parallel()
	chunks := []chunk{
		{ID: 1, Content: "the crane is stored outside"},
		{ID: 2, Content: "pressure of the pump falls"},
		{ID: 3, Content: "noise"},
		{ID: 4, Content: "the pump"},
		{ID: 5, Content: "boiler"},
		{ID: 6, Content: "filter"},
	}
	best := rank(embed("pressure of the pump"), chunks)
	if len(best) != kept || best[0].ID != 2 || best[1].ID != 4 {
		t.Errorf("ranked %+v, want 2 and 4 first of %d", best, kept)
	}
	if chunks[0].Score != 0 {
		t.Error("rank changed the caller's passages")
	}
}
