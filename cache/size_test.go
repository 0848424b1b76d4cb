package cache

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

type leaf struct {
	Name  string
	Score float64
}

type tree struct {
	Leaf        *leaf
	Left, Right *tree
	Any         any
	hidden      []byte
}

func TestSizeOf(t *testing.T) {
	t.Parallel()
	shared := &leaf{Name: "1234"}
	loop := &tree{}
	loop.Left = loop
	var none *leaf
	tests := []struct {
		name  string
		value any
		want  int64
	}{
		{"nil", nil, 0},
		{"int", 1, 8},
		{"string", "12345", 16 + 5},
		{"bytes", make([]byte, 3, 10), 24 + 10},
		{"named string", fmt.Stringer(named1("123")), 16 + 3},
		{"nil pointer", none, 8},
		{"struct", leaf{Name: "123"}, 24 + 3},
		{"pointer", &leaf{Name: "123"}, 8 + 24 + 3},
		{"shared pointer", [2]*leaf{shared, shared}, 16 + 24 + 4},
		{"slice", []leaf{{Name: "1"}, {Name: "22"}}, 24 + 48 + 3},
		{"spare capacity", make([]int, 1, 4), 24 + 32},
		{"strings", []string{"a", "bb"}, 24 + 32 + 3},
		{"interface", []any{"abc", 1, nil}, 24 + 48 + (16 + 3) + 8},
		{"unexported", tree{hidden: make([]byte, 7)}, 64 + 7},
		{"cycle", loop, 8 + 64},
		{"map", map[string]int{"a": 1, "bb": 2}, 8 + 2*(16+8+mapOverhead) + 3},
		{"function", func() {}, 8},
		{"array", [3]string{"a", "b", "c"}, 48 + 3},
	}
	for _, tt := range tests {
		if got := SizeOf(tt.value); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

type named1 string

func (n named1) String() string { return string(n) }

// The estimate is near to what the heap gives, for values of many parts too.
func TestSizeOfIsNearTheHeap(t *testing.T) {
	if underRace {
		t.Skip("the race detector has the heap grow")
	}
	for _, tt := range []struct {
		name string
		make func() any
	}{
		{"strings", func() any {
			out := make([]string, 20_000)
			for i := range out {
				out[i] = strings.Repeat("x", 10+i%100)
			}
			return out
		}},
		{"map", func() any {
			out := map[string]*leaf{}
			for i := range 20_000 {
				out[fmt.Sprintf("key-%08d", i)] = &leaf{}
			}
			return out
		}},
		{"floats", func() any { return make([]float64, 100_000) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := liveHeap()
			value := tt.make()
			taken := int64(liveHeap() - before)
			if got := SizeOf(value); got < taken*2/3 || got > taken*3/2 {
				t.Errorf("estimated %d, the heap has %d", got, taken)
			}
			runtime.KeepAlive(value)
		})
	}
}

// A walk ends, whatever it is given.
func TestSizeOfIsBounded(t *testing.T) {
	t.Parallel()
	list := &tree{}
	for range 100_000 {
		list = &tree{Left: list}
	}
	if got := SizeOf(list); got < sizeDepth/2*64 || got > 2*sizeDepth*64 {
		t.Errorf("a long list is %d", got)
	}
	wide := make([][][]string, 1000)
	for i := range wide {
		wide[i] = make([][]string, 1000)
	}
	for i := range wide {
		for j := range wide[i] {
			wide[i][j] = []string{"x"}
		}
	}
	if got, want := SizeOf(wide), int64(24+1000*24+1000*1000*(24+16+1)); got != want {
		t.Errorf("a million slices are %d, want %d", got, want)
	}
}
