package llm

import (
	"net/http"
	"strings"
)

// API is an interface of language models, as its path tells it.
type API int

// The interfaces that are known.
const (
	None            API = iota
	ChatCompletions     // OpenAI's, and of those who follow it
	Completions         // its older form
	Responses           // OpenAI's
	Embeddings          // OpenAI's
	Messages            // Anthropic's
	Models              // the list of models
	apis
)

var apiNames = [apis]string{"none", "chat_completions", "completions", "responses", "embeddings", "messages", "models"}

// String is the name of the interface in statistics.
func (a API) String() string {
	if a < 0 || a >= apis {
		return apiNames[None]
	}
	return apiNames[a]
}

// MarshalText makes the name the API's form in JSON.
func (a API) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// endings are what paths end with, whatever stands before: a prefix of the route, a deployment.
var endings = [...]struct {
	text string
	api  API
}{
	{"/chat/completions", ChatCompletions},
	{"/v1/completions", Completions},
	{"/v1/responses", Responses},
	{"/openai/responses", Responses},
	{"/embeddings", Embeddings},
	{"/v1/messages", Messages},
}

// Recognise tells the interface by method and path. It is a guess until the body of the request
// has shown a model, see [Request.Known].
func Recognise(method, path string) API {
	switch method {
	case http.MethodPost:
		for _, e := range endings {
			if strings.HasSuffix(path, e.text) {
				return e.api
			}
		}
	case http.MethodGet:
		if strings.HasSuffix(path, "/v1/models") {
			return Models
		}
	}
	return None
}

// deployment is the model that a path names: /openai/deployments/NAME/chat/completions.
func deployment(path string) string {
	_, rest, ok := strings.Cut(path, "/deployments/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}
