package demo

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxPassages bounds one retrieval.
	maxPassages   = 50
	retrievalTime = 2 * time.Millisecond
)

// passages is where the retriever looks: the database, or the corpus in memory.
type passages interface {
	search(ctx context.Context, q query) ([]chunk, error)
}

// query is one search: a topic, "" for none, and how many passages are wanted.
type query struct {
	topic string
	limit int
}

// retrieval is the answer of the retriever.
type retrieval struct {
	Query  string  `json:"query"`
	Chunks []chunk `json:"chunks"`
}

// retrieve is the retriever. The corpus does not change while it runs, so caches may keep
// what is found.
func (r *replica) retrieve(w http.ResponseWriter, req *http.Request) error {
	text := req.URL.Query().Get("q")
	limit, err := strconv.Atoi(req.URL.Query().Get("k"))
	if text == "" || err != nil || limit < 1 || limit > maxPassages {
		return &answerError{http.StatusBadRequest, "q must be a question and k a number from 1 to 50"}
	}
	chunks, err := r.passages.search(req.Context(), query{topic: topicIn(text), limit: limit})
	if err != nil {
		return err
	}
	if err := r.think(req.Context(), retrievalTime); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=30")
	writeJSON(w, http.StatusOK, retrieval{Query: text, Chunks: chunks})
	return nil
}

// search finds passages in memory.
func (c *corpus) search(_ context.Context, q query) ([]chunk, error) {
	found := c.byTopic[q.topic]
	chunks := make([]chunk, 0, q.limit)
	for _, i := range found[:min(q.limit, len(found))] {
		chunks = append(chunks, c.chunks[i])
	}
	return chunks, nil
}
