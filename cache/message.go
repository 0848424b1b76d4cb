package cache

import (
	"errors"
	"strings"
)

var errMessage = errors.New("cache: malformed message of another process")

// The kinds of message that processes send each other, each followed by what it names.
const (
	saysKey     = 'k' // a cache, a slash, a key
	saysName    = 'n' // a cache
	saysTag     = 't' // a tag
	saysPattern = 'p' // a cache or, for all, nothing, a slash, a pattern of keys
	saysAll     = 'a' // everything
	saysLanded  = 'l' // how a load under a lease ended, a cache, a slash, a key
)

func message(kind byte, what string) []byte { return append([]byte{kind}, what...) }

func keyMessage(name, key string) []byte { return message(saysKey, name+"/"+key) }

func landedMessage(how landing, id string) []byte { return message(saysLanded, string(how)+id) }

// renewal is the message that goes with the drop of a generation.
func renewal(generation string) []byte {
	kind, what, _ := strings.Cut(generation, ":")
	switch kind {
	case "n":
		return message(saysName, what)
	case "t":
		return message(saysTag, what)
	}
	return message(saysAll, "")
}

// hear does what a message of another process says.
func (g *Group) hear(m []byte) error {
	if len(m) == 0 {
		return errMessage
	}
	what := string(m[1:])
	switch m[0] {
	case saysKey:
		name, key, ok := strings.Cut(what, "/") // a name has no slash
		if !ok {
			return errMessage
		}
		if s := g.store(name); s != nil {
			s.remove(key, false)
		}
		g.tier.landed(what, landedFree)
	case saysLanded:
		if what == "" {
			return errMessage
		}
		g.tier.landed(what[1:], landing(what[0]))
	case saysName:
		if s := g.store(what); s != nil {
			s.clear()
		}
	case saysTag:
		g.tags.clear(what)
	case saysPattern:
		name, pattern, ok := strings.Cut(what, "/")
		if !ok {
			return errMessage
		}
		for _, s := range g.all() {
			if name == "" || name == s.name {
				s.clearMatching(pattern)
			}
		}
	case saysAll:
		for _, s := range g.all() {
			s.clear()
		}
	default:
		return errMessage
	}
	return nil
}
