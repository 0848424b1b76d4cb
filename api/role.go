package api

import (
	"fmt"
	"slices"
)

// Role is what a caller may do, each role including the ones below it. The zero value
// is no role at all: a route that carries it is refused by [New].
type Role uint8

// The roles, least first.
const (
	_ Role = iota
	// Open needs no token. Nothing open holds data of the system.
	Open
	// Viewer reads.
	Viewer
	// Operator also acts on what is safe to repeat: clear a cache, collect garbage.
	Operator
	// Admin also changes servers, the database, tokens and the configuration.
	Admin
)

var roleNames = [...]string{"", "open", "viewer", "operator", "admin"}

// String returns the role's name, "" for the zero value.
func (r Role) String() string {
	if int(r) >= len(roleNames) {
		return ""
	}
	return roleNames[r]
}

// ParseRole returns the role that a token may carry: viewer, operator or admin.
func ParseRole(name string) (Role, error) {
	i := slices.Index(roleNames[:], name)
	if i < int(Viewer) {
		return 0, fmt.Errorf("role: must be viewer, operator or admin (got %q)", name)
	}
	return Role(i), nil
}

// MarshalText makes a Role its name in JSON.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role that a token may carry.
func (r *Role) UnmarshalText(text []byte) error {
	role, err := ParseRole(string(text))
	if err != nil {
		return err
	}
	*r = role
	return nil
}
