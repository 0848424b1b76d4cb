package demo

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

const (
	rerankTime = 8 * time.Millisecond
	// kept is how many passages reach the prompt.
	kept = 4
)

// ranking is what the reranker gets and returns.
type ranking struct {
	Embedding vector  `json:"embedding"`
	Chunks    []chunk `json:"chunks"`
}

// rerank is the reranker: it orders passages by their likeness to the question.
func (r *replica) rerank(w http.ResponseWriter, req *http.Request) error {
	ctx := req.Context()
	var in ranking
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if err := r.think(ctx, rerankTime); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, ranking{Embedding: in.Embedding, Chunks: rank(in.Embedding, in.Chunks)})
	return nil
}

// rank returns the best passages, best first.
func rank(question vector, chunks []chunk) []chunk {
	best := slices.Clone(chunks)
	for i := range best {
		best[i].Score = question.dot(embed(best[i].Content))
	}
	slices.SortStableFunc(best, func(a, b chunk) int { return cmp.Compare(b.Score, a.Score) })
	return best[:min(kept, len(best))]
}
