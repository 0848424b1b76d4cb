package cache

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

func TestStandings(t *testing.T) {
	t.Parallel()
	amended := func(generation string, patterns ...string) string {
		for _, p := range patterns {
			next, ok := parseStanding(generation).amend(p)
			if !ok {
				t.Fatalf("%q is not remembered", p)
			}
			generation = next
		}
		return generation
	}
	many := make([]string, maxPatterns)
	for i := range many {
		many[i] = "n" + strconv.Itoa(i)
	}
	before := stamp("g", amended("n", "b*"))
	tests := []struct {
		name, stamp, key, group, cache string
		want                           bool
	}{
		{"unchanged", before, "a", "g", amended("n", "b*"), true},
		{"matched before it was stored", before, "b", "g", amended("n", "b*"), true},
		{"another pattern", before, "a", "g", amended("n", "b*", "c*"), true},
		{"its pattern", before, "a", "g", amended("n", "b*", "a*"), false},
		{"its pattern, and more", before, "a", "g", amended("n", "b*", "a*", "c*"), false},
		{"of the group", before, "a", amended("g", "a"), amended("n", "b*"), false},
		{"another token", before, "a", "other", amended("n", "b*"), false},
		{"a token that begins alike", before, "a", "g0", amended("n", "b*"), false},
		{"one fewer", before, "a", "g", "n", false},
		{"forgotten patterns", stamp("g", "n"), "a", "g", amended(amended("n", "b*"), many...), false},
		{"still remembered", before, "a", "g", amended(amended("n", "b*"), many...), true},
		{"damaged", before, "a", "g", "n\x00", false},
		{"no stamp", "", "a", "g", "n", false},
		{"more than a stamp", before + "x.0 ", "a", "g", amended("n", "b*"), false},
	}
	for _, test := range tests {
		if got := holds(test.stamp, test.key, test.group, test.cache); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if len(before) > maxFormat {
		t.Errorf("a stamp of %d bytes", len(before))
	}
}

func TestPatternsAreBounded(t *testing.T) {
	t.Parallel()
	generation := "token"
	for i := range 10 * maxPatterns {
		next, ok := parseStanding(generation).amend(strings.Repeat("p", i))
		if !ok {
			t.Fatal("not remembered")
		}
		generation = next
		if s := parseStanding(generation); len(generation) > maxPatternBytes+256 || s.next() != uint64(i+1) {
			t.Fatalf("after %d patterns: %d bytes, place %d", i+1, len(generation), s.next())
		}
	}
	if _, ok := parseStanding(generation).amend(strings.Repeat("p", maxPatternBytes+1)); ok {
		t.Error("a pattern over the bound is remembered")
	}
}

func FuzzStanding(f *testing.F) {
	two, _ := standing{token: "token"}.amend("a*")
	for _, seed := range []string{"", "token", two, two + "x", "t\x00\xff", "t\x00\x01\x01a\x02bc"} {
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, generation, key string) {
		s := parseStanding(generation)
		if len(s.patterns) > maxPatterns {
			t.Fatalf("%d patterns", len(s.patterns))
		}
		if strings.ContainsAny(s.token, " .\x00") || s.next() < s.first {
			return // no token of ours
		}
		mine := stamp(generation)
		if !holds(mine, key, generation) {
			t.Errorf("%q does not hold under itself", generation)
		}
		if next, ok := s.amend("*"); ok && holds(mine, key, next) {
			t.Errorf("%q holds after everything was cleared", generation)
		}
	})
}

// A pattern leaves what it does not match, in both tiers.
func TestAPatternLeavesTheRest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(m *member)
	}{
		{"of the cache", func(m *member) { m.texts.ClearPattern("a/*") }},
		{"of all", func(m *member) { m.group.ClearPattern(m.Context(), "a/*") }},
		{"many", func(m *member) {
			m.texts.ClearPattern("a/*")
			for i := range maxPatterns / 2 {
				m.texts.ClearPattern("x" + strconv.Itoa(i))
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := newSharedMemory()
				a, b := join(t, shared, Config{}), join(t, shared, Config{})
				a.load("a/1", "old", EntryOptions{})
				set(t, a.texts, "a/2", "old")
				set(t, a.texts, "b/1", "kept")
				synctest.Wait()
				test.do(a)
				set(t, a.texts, "a/3", "later")
				synctest.Wait()
				for _, m := range []*member{a, b} {
					m.group.store("texts").clear() // from memory alone
					for key, want := range map[string]string{"a/3": "later", "b/1": "kept"} {
						if got := m.load(key, "loaded", EntryOptions{}); got != want {
							t.Errorf("%s: %q, want %q", key, got, want)
						}
					}
				}
				for _, key := range []string{"a/1", "a/2"} {
					if got := b.load(key, "loaded", EntryOptions{}); got != "loaded" {
						t.Errorf("%s: %q", key, got)
					}
					if got := a.load(key, "again", EntryOptions{}); got != "loaded" {
						t.Errorf("%s is not shared again: %q", key, got)
					}
				}
			})
		})
	}
}

// A pattern that cannot be remembered, or that meets another, clears all rather than nothing.
func TestAPatternThatIsNotRememberedClearsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := newSharedMemory()
		a, b := join(t, shared, Config{}), join(t, shared, Config{})
		check := func(how string) {
			t.Helper()
			synctest.Wait()
			if got := b.load("a", "loaded", EntryOptions{}); got != "loaded" {
				t.Errorf("%s: %q", how, got)
			}
		}
		set(t, a.texts, "a", "old")
		synctest.Wait()
		a.texts.ClearPattern("a" + strings.Repeat("*", maxPatternBytes))
		check("too long")
		set(t, a.texts, "a", "old")
		synctest.Wait()
		a.mu.Lock()
		a.during = func() { // between the lookup of the generation and its change
			a.mu.Lock()
			defer a.mu.Unlock()
			a.generations["n:texts"], _ = parseStanding(a.generations["n:texts"]).amend("other")
		}
		a.mu.Unlock()
		a.texts.ClearPattern("a*")
		check("at the same time")
		if s := a.redis(); s.Owed != 0 {
			t.Errorf("%d owed", s.Owed)
		}
	})
}
