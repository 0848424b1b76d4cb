package balancer

import (
	"errors"
	"fmt"
	"time"
)

// Errors of this package, to be told apart by [errors.Is].
var (
	// ErrNoServers says that the pool has no servers at all.
	ErrNoServers = errors.New("balancer: no servers in the pool")
	// ErrNoHealthyServer says that no server may take a call: all are in maintenance.
	ErrNoHealthyServer = errors.New("balancer: no healthy server")
	// ErrServersBusy says that each usable server has reached its max_connections.
	ErrServersBusy = errors.New("balancer: all servers are busy")
	// ErrUnknownServer says that no server has the id.
	ErrUnknownServer = errors.New("balancer: unknown server")
	// ErrDuplicateServer says that the id is taken.
	ErrDuplicateServer = errors.New("balancer: duplicate server")
	// ErrLastServer says that the last server cannot be removed.
	ErrLastServer = errors.New("balancer: the last server cannot be removed")
	// ErrUnknownStrategy says that no strategy has the name.
	ErrUnknownStrategy = errors.New("balancer: unknown strategy")
	// ErrForbiddenAddress says that a server's address is link-local, a cloud metadata
	// service or otherwise no server of the user's.
	ErrForbiddenAddress = errors.New("balancer: forbidden address")
	// ErrServerCut is the cause with which calls are cancelled that outlived the drain
	// timeout of their server.
	ErrServerCut = errors.New("balancer: server was drained, call cut at the drain timeout")
	// ErrRetry marks an error of a function given to [Pool.Do]: the call did no harm and
	// may be repeated on another server. Wrap it: fmt.Errorf("…: %w", balancer.ErrRetry).
	ErrRetry = errors.New("balancer: safe to retry")
)

// UnavailableError says that no server could take a call and when to try again.
// Unwrap gives [ErrNoServers], [ErrNoHealthyServer] or [ErrServersBusy].
type UnavailableError struct {
	// Reason is one of the errors named above.
	Reason error
	// Detail says in words what the servers were doing.
	Detail string
	// RetryAfter is when a server may be there again, at least one second.
	RetryAfter time.Duration
}

// Error says why and when to try again.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%v: %s; try again in %v", e.Reason, e.Detail, e.RetryAfter)
}

// Unwrap returns the reason.
func (e *UnavailableError) Unwrap() error { return e.Reason }

// FieldError says which field of a configuration is wrong and why.
type FieldError struct {
	// Field is the path of the field, such as load_balancer.servers[1].weight.
	Field string
	// Problem says what it must be and what it was.
	Problem string
	// Err is the kind of fault, if it has one ([ErrDuplicateServer], …).
	Err error
}

// Error is the field and the problem.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Unwrap returns the kind of fault, or nil.
func (e *FieldError) Unwrap() error { return e.Err }

func fieldError(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}
