// Package http stands in for the one of Google's API client: see docs/adr/0019-slim-binary.md.
package http

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/api/option"
)

// NewTransport returns an error: this build does not log in to Google.
func NewTransport(context.Context, http.RoundTripper, ...option.ClientOption) (http.RoundTripper, error) {
	return nil, errors.New("log in to Google: not in this build")
}
