package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	modelName = "demo-8b"
	// defaultTokens is how long an answer is when nobody says.
	defaultTokens = 64
	// firstToken and perToken are the times of the fast replica.
	firstToken = 60 * time.Millisecond
	perToken   = 6 * time.Millisecond
	listTime   = time.Millisecond
)

// chatRequest is POST /v1/chat/completions, as far as it is read here.
type chatRequest struct {
	Model     string    `json:"model"`
	Messages  []message `json:"messages"`
	Stream    bool      `json:"stream"`
	MaxTokens int       `json:"max_tokens,omitempty"`
}

type message struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

type choice struct {
	Index        int      `json:"index"`
	Message      *message `json:"message,omitempty"`
	Delta        *message `json:"delta,omitempty"`
	FinishReason *string  `json:"finish_reason"`
}

// completion is an answer, or one piece of a streamed one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

// chat is the model: it streams words of the prompt, one after the other.
func (r *replica) chat(w http.ResponseWriter, req *http.Request) error {
	ctx := req.Context()
	var in chatRequest
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if len(in.Messages) == 0 || in.MaxTokens < 0 || in.MaxTokens > maxTokens {
		return &answerError{http.StatusBadRequest, fmt.Sprintf("messages must not be empty, max_tokens at most %d", maxTokens)}
	}
	if err := r.model.take(ctx); err != nil {
		return err
	}
	defer r.model.give()
	if err := r.think(ctx, firstToken); err != nil {
		return err
	}
	if in.Stream {
		return r.streamWords(ctx, w, in)
	}
	return r.sayAll(ctx, w, in)
}

// streamWords sends a word at a time, then the usage, then [DONE].
func (r *replica) streamWords(ctx context.Context, w http.ResponseWriter, in chatRequest) error {
	words, used := in.answer()
	out := newStream(w)
	for _, word := range words {
		if err := r.event(out, in, choice{Delta: &message{Content: word + " "}}, nil); err != nil {
			return err
		}
		if r.mood() == Failing || r.think(ctx, perToken) != nil {
			out.abort()
		}
	}
	stop := "stop"
	if err := r.event(out, in, choice{Delta: &message{}, FinishReason: &stop}, &used); err != nil {
		return err
	}
	out.write([]byte("data: [DONE]\n"))
	out.write([]byte("\n"))
	return nil
}

func (r *replica) event(out *stream, in chatRequest, c choice, used *usage) error {
	text, err := json.Marshal(r.completion(in, "chat.completion.chunk", c, used))
	if err != nil {
		return err
	}
	out.write(append(append([]byte("data: "), text...), '\n'))
	out.write([]byte("\n"))
	return nil
}

func (r *replica) sayAll(ctx context.Context, w http.ResponseWriter, in chatRequest) error {
	words, used := in.answer()
	if err := r.think(ctx, time.Duration(len(words))*perToken); err != nil {
		return err
	}
	stop := "stop"
	said := choice{Message: &message{Role: "assistant", Content: strings.Join(words, " ")}, FinishReason: &stop}
	writeJSON(w, http.StatusOK, r.completion(in, "chat.completion", said, &used))
	return nil
}

func (r *replica) completion(in chatRequest, object string, c choice, used *usage) completion {
	return completion{
		ID: "chatcmpl-" + r.name, Object: object, Created: time.Now().Unix(), Model: in.Model,
		Choices: []choice{c}, Usage: used,
	}
}

// answer draws the words of the answer from the last message. A word counts as a token.
func (in chatRequest) answer() ([]string, usage) {
	prompt := 0
	for _, m := range in.Messages {
		prompt += len(strings.Fields(m.Content))
	}
	source := strings.Fields(in.Messages[len(in.Messages)-1].Content)
	if len(source) == 0 {
		source = []string{"Nothing", "is", "known."}
	}
	length := in.MaxTokens
	if length == 0 {
		length = defaultTokens
	}
	words := make([]string, length)
	for i := range words {
		words[i] = source[i%len(source)]
	}
	return words, usage{PromptTokens: prompt, CompletionTokens: length, TotalTokens: prompt + length}
}

// models lists the one model. The list changes rarely: caches may keep it.
func (r *replica) models(w http.ResponseWriter, req *http.Request) error {
	if err := r.think(req.Context(), listTime); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=20")
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{
		map[string]any{"id": modelName, "object": "model", "created": 1767225600, "owned_by": "demo"},
	}})
	return nil
}
