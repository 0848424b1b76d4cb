package demo

import (
	"hash/fnv"
	"math"
	"net/http"
	"strings"
	"time"
)

const (
	vectorSize    = 64
	embeddingTime = 5 * time.Millisecond
	maxInputs     = 64
)

// vector is an embedding: a hashed bag of words of length one.
type vector [vectorSize]float64

func embed(text string) vector {
	var v vector
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), isSeparator) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(word)) // a hash takes everything
		sum := h.Sum32()
		v[sum%vectorSize] += float64(1) - float64(sum>>31)*2
	}
	norm := math.Sqrt(v.dot(v))
	if norm == 0 {
		return v
	}
	for i := range v {
		v[i] /= norm
	}
	return v
}

func (v vector) dot(other vector) float64 {
	sum := 0.0
	for i := range v {
		sum += v[i] * other[i]
	}
	return sum
}

type embeddingRequest struct {
	Model string   `json:"model,omitempty"`
	Input []string `json:"input"`
}

type embeddingAnswer struct {
	Object string      `json:"object"`
	Model  string      `json:"model"`
	Data   []embedding `json:"data"`
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding vector `json:"embedding"`
}

// embeddings is the embedder.
func (r *replica) embeddings(w http.ResponseWriter, req *http.Request) error {
	ctx := req.Context()
	var in embeddingRequest
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if len(in.Input) == 0 || len(in.Input) > maxInputs {
		return &answerError{http.StatusBadRequest, "input: must be a list of 1 to 64 texts"}
	}
	if err := r.think(ctx, embeddingTime); err != nil {
		return err
	}
	answer := embeddingAnswer{Object: "list", Model: modelName, Data: make([]embedding, len(in.Input))}
	for i, text := range in.Input {
		answer.Data[i] = embedding{Object: "embedding", Index: i, Embedding: embed(text)}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
