package cache

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestGetSetDelete(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{})
	if v, ok := c.Get("a"); ok || v != "" {
		t.Errorf("an empty cache has %q, %v", v, ok)
	}
	set(t, c, "a", "1")
	set(t, c, "b", "2")
	set(t, c, "a", "3")
	if v, ok := c.Get("a"); !ok || v != "3" {
		t.Errorf("a is %q, %v, want 3", v, ok)
	}
	if !c.Exists("b") || c.Exists("c") {
		t.Error("b exists, c does not")
	}
	if !c.Delete("a") || c.Delete("a") {
		t.Error("a can be deleted once")
	}
	if _, ok := c.Get("a"); ok {
		t.Error("a is still there")
	}
	s := c.Stats()
	if s.Hits != 1 || s.Misses != 2 || s.Requests != 3 || s.Entries != 1 || s.Invalidations != 1 {
		t.Errorf("stats %+v", s)
	}
	checkStore(t, c.store)
}

// Nil values of every nilable type are values like others.
func TestNilValues(t *testing.T) {
	t.Parallel()
	errs := newCache(t, Config{}, Options[error]{})
	set(t, errs, "none", nil)
	if v, ok := errs.Get("none"); !ok || v != nil {
		t.Errorf("got %v, %v", v, ok)
	}
	pointers := newCache(t, Config{}, Options[*int]{Cost: func(p *int) int64 {
		if p == nil {
			return 0
		}
		return 8
	}})
	set(t, pointers, "nil", nil)
	if v, ok := pointers.Get("nil"); !ok || v != nil {
		t.Errorf("got %v, %v", v, ok)
	}
}

func TestNamedIsOneCachePerName(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	a := named(t, g, "answers", Options[string]{})
	b := named(t, g, "answers", Options[string]{})
	other := named(t, g, "other", Options[string]{})
	set(t, a, "k", "v")
	if v, _ := b.Get("k"); v != "v" {
		t.Errorf("the second face of the cache has %q", v)
	}
	if other.Exists("k") {
		t.Error("another cache has the key")
	}
	if a.Name() != "answers" {
		t.Errorf("name %q", a.Name())
	}
	_, err := Named(g, "answers", Options[int]{})
	var mismatch *TypeError
	if !errors.Is(err, ErrTypeMismatch) || !errors.As(err, &mismatch) || mismatch.Have != reflect.TypeFor[string]() {
		t.Errorf("another type: %v", err)
	}
}

func TestNamedRefuses(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	for _, name := range []string{"", "a b", "a/b", "ü", strings.Repeat("x", maxNameLength+1)} {
		if _, err := Named(g, name, Options[int]{}); !errors.Is(err, ErrBadName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, l := range []Limits{{TTL: -1}, {MaxEntries: -1}, {MaxBytes: -1}, {MaxBytes: math.MaxInt64}} {
		if _, err := Named(g, "bad", Options[int]{Limits: l}); err == nil || !strings.Contains(err.Error(), "cache bad.") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for i := range MaxCaches {
		named(t, g, fmt.Sprint("c", i), Options[int]{})
	}
	if _, err := Named(g, "more", Options[int]{}); !errors.Is(err, ErrTooManyCaches) {
		t.Errorf("one more than can be: %v", err)
	}
	if got := len(g.Names()); got != MaxCaches {
		t.Errorf("%d names", got)
	}
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{MaxBytes: 10_000}, Options[int]{Cost: func(v int) int64 { return int64(v) }})
	set(t, c, "k", 1)
	long := strings.Repeat("x", MaxKeyBytes+1)
	if err := c.Set(long, 1, EntryOptions{}); !errors.Is(err, ErrKeyTooLong) {
		t.Errorf("long key: %v", err)
	}
	if err := c.Set("k", -1, EntryOptions{}); !errors.Is(err, ErrNegativeCost) {
		t.Errorf("negative cost: %v", err)
	}
	err := c.Set("k", 1, EntryOptions{TTL: -time.Second})
	var ttl *TTLError
	if !errors.Is(err, ErrNegativeTTL) || !errors.As(err, &ttl) || ttl.TTL != -time.Second {
		t.Errorf("negative time to live: %v", err)
	}
	if v, ok := c.Get("k"); !ok || v != 1 {
		t.Errorf("a refused write changed k to %d, %v", v, ok)
	}
	for _, cost := range []int{10_000, math.MaxInt} {
		err = c.Set("k", cost, EntryOptions{})
		var large *TooLargeError
		if !errors.Is(err, ErrTooLarge) || !errors.As(err, &large) || large.MaxBytes != 10_000 || large.Bytes <= 10_000 {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
	if c.Exists("k") {
		t.Error("the old value of k outlived a new one that is too large")
	}
	if s := c.Stats(); s.Rejections != 2 || s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A key that is cut from a long string does not keep the long string.
func TestKeyIsCopied(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	buf := []byte("key and more")
	s := string(buf)
	set(t, c, s[:3], 1)
	e := c.store.entry("key")
	if e == nil || unsafeData(e.key()) == unsafeData(s) {
		t.Error("the entry holds the caller's string")
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[string]{Cost: func(v string) int64 { return int64(len(v)) }})
	before := time.Now().Add(-time.Second)
	if err := c.Set("key", "value", EntryOptions{TTL: time.Minute, Tags: []string{"b", "a", "b"}}); err != nil {
		t.Fatal(err)
	}
	info, ok := c.Inspect("key")
	if !ok || info.Accesses != 0 || !info.LastAccess.IsZero() {
		t.Errorf("before an access: %+v, %v", info, ok)
	}
	if _, ok := c.Get("key"); !ok {
		t.Fatal("no value")
	}
	info, _ = c.Inspect("key")
	want := EntryInfo{
		Key: "key", Created: info.Created, Expires: info.Created.Add(time.Minute), KeptUntil: info.Created.Add(time.Minute),
		Accesses: 1, LastAccess: info.LastAccess, Tags: []string{"a", "b"},
		Bytes: 5 + 3 + EntryOverheadBytes + 2*(TagOverheadBytes+1),
	}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("got  %+v\nwant %+v", info, want)
	}
	if info.Created.Before(before) || info.LastAccess.Before(info.Created) || info.Created.Location() != time.UTC {
		t.Errorf("created %v, last access %v", info.Created, info.LastAccess)
	}
	if _, ok := c.Inspect("other"); ok {
		t.Error("an unknown key has an entry")
	}
	if s := c.Stats(); s.Requests != 1 {
		t.Errorf("%d requests, want the one Get", s.Requests)
	}
}

func TestAccessesAreCountedExactly(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	set(t, c, "k", 1)
	const each = 5000
	together(8, func(int) {
		for range each {
			c.Get("k")
			c.Get("none")
		}
	})
	s := c.Stats()
	if s.Hits != 8*each || s.Misses != 8*each || s.HitRatio != 0.5 || s.MissRatio != 0.5 {
		t.Errorf("%d hits, %d misses", s.Hits, s.Misses)
	}
	if info, _ := c.Inspect("k"); info.Accesses != 8*each {
		t.Errorf("%d accesses", info.Accesses)
	}
	if s.AccessSamples < 16*each/SampleEvery/2 || s.AccessSamples > 16*each/SampleEvery*2 {
		t.Errorf("%d samples of %d lookups", s.AccessSamples, 16*each)
	}
	if s.MeanAccessSeconds <= 0 || s.P99AccessSeconds < s.P50AccessSeconds || s.P50AccessSeconds <= 0 {
		t.Errorf("access times %v, %v, %v", s.MeanAccessSeconds, s.P50AccessSeconds, s.P99AccessSeconds)
	}
}
