// Package option stands in for the one of Google's API client: see docs/adr/0019-slim-binary.md.
package option

// ClientOption does nothing.
type ClientOption struct{}

// CredentialsType names a kind of credentials.
type CredentialsType string

// ServiceAccount is the kind that Prometheus asks for.
const ServiceAccount CredentialsType = "service_account"

// WithScopes does nothing.
func WithScopes(...string) ClientOption { return ClientOption{} }

// WithAuthCredentialsFile does nothing.
func WithAuthCredentialsFile(CredentialsType, string) ClientOption { return ClientOption{} }

// WithCredentials does nothing.
func WithCredentials(any) ClientOption { return ClientOption{} }
