package cache

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, key string
		want         bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b\n", true},
		{"a*c", "abbc", true},
		{"a*c", "abbd", false},
		{"*a*b*", "xaxbx", true},
		{"*a*b*", "xbxax", false},
		{"**a", "ba", true},
		{"?", "", false},
		{"?", "a", true},
		{"??", "ä", true}, // bytes
		{"[abc]", "b", true},
		{"[abc]", "d", false},
		{"[a-c]x", "bx", true},
		{"[c-a]", "b", true},
		{"[^a-c]", "b", false},
		{"[^a-c]", "d", true},
		{"[]", "a", false},
		{"[^]", "a", true},
		{`[\]]`, "]", true},
		{`[a\-c]`, "b", false},
		{`[a\-c]`, "-", true},
		{"[a-]", "-", true},
		{"[ab", "[ab", true},
		{"[ab", "a", false},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`a\`, `a\`, true},
		{"user:*:[0-9]", "user:x:y:7", true},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.key); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.key, got)
		}
	}
}

// naive matches by trying all ways, with sets spelled out; it does not know how Match goes back.
func naive(pattern, key string) bool {
	if pattern == "" {
		return key == ""
	}
	if pattern[0] == '*' {
		for i := range len(key) + 1 {
			if naive(pattern[1:], key[i:]) {
				return true
			}
		}
		return false
	}
	width, bytes := naiveSet(pattern)
	return key != "" && bytes[key[0]] && naive(pattern[width:], key[1:])
}

// naiveSet is the width of the first element, which is no star, and the bytes it stands for.
func naiveSet(pattern string) (width int, bytes [256]bool) {
	plain := func() (int, [256]bool) {
		bytes = [256]bool{}
		bytes[pattern[0]] = true
		return 1, bytes
	}
	switch {
	case pattern[0] == '?':
		for i := range bytes {
			bytes[i] = true
		}
		return 1, bytes
	case pattern[0] == '\\' && len(pattern) > 1:
		bytes[pattern[1]] = true
		return 2, bytes
	case pattern[0] != '[':
		return plain()
	}
	rest, not := strings.CutPrefix(pattern[1:], "^")
	for {
		if rest == "" {
			return plain()
		}
		if rest[0] == ']' {
			break
		}
		if rest[0] == '\\' && len(rest) > 1 {
			rest = rest[1:]
		}
		low, high := rest[0], rest[0]
		if len(rest) > 2 && rest[1] == '-' && rest[2] != ']' {
			high, rest = rest[2], rest[2:]
		}
		for b := int(min(low, high)); b <= int(max(low, high)); b++ {
			bytes[b] = true
		}
		rest = rest[1:]
	}
	if not {
		for i := range bytes {
			bytes[i] = !bytes[i]
		}
	}
	return len(pattern) - len(rest) + 1, bytes
}

// Every pattern and key of a few letters matches as the naive model says.
func TestMatchAgreesWithModel(t *testing.T) {
	t.Parallel()
	words := func(letters string, n int) []string {
		out := []string{""}
		for from := 0; n > 0; n-- {
			until := len(out)
			for ; from < until; from++ {
				for _, l := range letters {
					out = append(out, out[from]+string(l))
				}
			}
		}
		return out
	}
	long := 5
	if underRace {
		long = 3
	}
	keys := words("ab-]", 4)
	for _, pattern := range words(`ab*?[]^-\`, long) {
		for _, key := range keys[:85] {
			if got, want := Match(pattern, key), naive(pattern, key); got != want {
				t.Fatalf("Match(%q, %q) = %v", pattern, key, got)
			}
		}
	}
}

// A pattern that keeps a backtracking matcher busy for ever ends.
func TestMatchIsNotExponential(t *testing.T) {
	t.Parallel()
	if Match(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"a*b|axxb", "[^a-c]|d", `\*|*`, "[a|[a", "*?*|x"} {
		pattern, key, _ := strings.Cut(s, "|")
		f.Add(pattern, key)
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(pattern) > 12 || len(key) > 12 {
			t.Skip("the model tries all ways")
		}
		if got, want := Match(pattern, key), naive(pattern, key); got != want {
			t.Errorf("Match(%q, %q) = %v", pattern, key, got)
		}
	})
}
