package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/sentientcore/upshift/profiler"
)

// question is what a user asks.
type question struct {
	Text      string `json:"question"`
	MaxTokens int    `json:"max_tokens"`
}

// maxTokens bounds one answer.
const maxTokens = 1000

func (q question) check() error {
	if strings.TrimSpace(q.Text) == "" {
		return &answerError{http.StatusBadRequest, "question: must not be empty"}
	}
	if q.MaxTokens < 0 || q.MaxTokens > maxTokens {
		return &answerError{http.StatusBadRequest, fmt.Sprintf("max_tokens: must be 0 to %d", maxTokens)}
	}
	return nil
}

// ask is the planner: it lets the other agents work, each through the gateway, and streams
// the model's answer to the user.
func (r *replica) ask(w http.ResponseWriter, req *http.Request) error {
	ctx := req.Context()
	var q question
	if err := readJSON(req, &q); err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return err
	}
	prompt, err := r.gather(ctx, q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	resp, err := r.gateway.send(ctx, http.MethodPost, "/v1/chat/completions", prompt)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	relay(w, bufio.NewReader(resp.Body))
	return nil
}

// gather finds the passages that belong to a question and writes the prompt. Without a
// reranker the passages stay as they were found.
func (r *replica) gather(ctx context.Context, q question) (chatRequest, error) {
	embedding := vector{}
	embed := profiler.Wrap(r.profiler, "planner.embed", r.embedThrough)
	if v, err := embed(ctx, q.Text); err == nil {
		embedding = v
	}
	var found retrieval
	if err := r.gateway.get(ctx, "/retrieve?k=8&q="+url.QueryEscape(q.Text), &found); err != nil {
		return chatRequest{}, err
	}
	ranked := ranking{Chunks: found.Chunks}
	if err := r.gateway.post(ctx, "/rerank", ranking{Embedding: embedding, Chunks: found.Chunks}, &ranked); err != nil {
		ranked.Chunks = found.Chunks
	}
	return newPrompt(q, ranked.Chunks), nil
}

func (r *replica) embedThrough(ctx context.Context, text string) (vector, error) {
	var answer embeddingAnswer
	if err := r.gateway.post(ctx, "/v1/embeddings", embeddingRequest{Input: []string{text}}, &answer); err != nil {
		return vector{}, err
	}
	if len(answer.Data) != 1 {
		return vector{}, fmt.Errorf("embed: %d answers for one text", len(answer.Data))
	}
	return answer.Data[0].Embedding, nil
}

// newPrompt is the system prompt, the passages and the question.
func newPrompt(q question, chunks []chunk) chatRequest {
	var passages strings.Builder
	for _, c := range chunks {
		passages.WriteString(c.Content)
		passages.WriteByte('\n')
	}
	return chatRequest{
		Model: modelName, Stream: true, MaxTokens: q.MaxTokens,
		Messages: []message{
			{Role: "system", Content: "Answer from the notes of the plant, and from nothing else."},
			{Role: "user", Content: passages.String() + q.Text},
		},
	}
}

// relay passes a stream on, event by event.
func relay(w http.ResponseWriter, from *bufio.Reader) {
	out := newStream(w)
	for {
		line, err := from.ReadBytes('\n')
		out.write(line)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			out.abort()
		}
	}
}
