package conf

import (
	"errors"
	"strconv"
	"strings"
)

// place is a spot in the configuration and where its value comes from.
type place struct {
	key    string
	secret bool
	line   int // 0: the source has no lines
	origin func(line int) string
}

func (p place) where() string { return p.origin(p.line) }

func (p place) field(f field) place {
	p.key, p.secret = join(p.key, f.key), p.secret || f.secret
	return p
}

func (p place) entry(name string) place {
	p.key = join(p.key, name)
	return p
}

func (p place) index(i int) place {
	p.key += "[" + strconv.Itoa(i) + "]"
	return p
}

func (p place) at(line int) place {
	p.line = line
	return p
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// step is one step of a path: a name or an index.
type step struct {
	name    string
	index   int
	isIndex bool
}

// parsePath takes a key such as load_balancer.servers[0].url apart.
func parsePath(key string) ([]step, error) {
	var path []step
	for part := range strings.SplitSeq(key, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name == "" {
			return nil, errors.New("unknown key: a part of it is empty")
		}
		path = append(path, step{name: name})
		if !indexed {
			continue
		}
		digits, ok := strings.CutSuffix(rest, "]")
		i, err := strconv.Atoi(digits)
		if !ok || err != nil || i < 0 {
			return nil, errors.New("unknown key: an index is written like servers[0]")
		}
		path = append(path, step{index: i, isIndex: true})
	}
	return path, nil
}

// keyText is the text of a path.
func keyText(path []step) string {
	var b strings.Builder
	for i, s := range path {
		switch {
		case s.isIndex:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// goodMapKey reports whether a name of the user's choice can stand in a key.
func goodMapKey(name string) bool {
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) < 0
}
