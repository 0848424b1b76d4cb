package cache

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

type argKind string

type argInner struct {
	A    int
	note string
}

type argAll struct {
	Text   string
	Kind   argKind
	N      int
	F      float64
	C      complex128
	OK     bool
	U      uint8
	Raw    []byte
	List   []argInner
	Pair   [2]int
	Map    map[string][]int
	Ptr    *argInner
	Any    any
	At     time.Time
	hidden string
}

func key(t *testing.T, v any) string {
	t.Helper()
	w := writer{}
	if err := w.value(reflect.ValueOf(&v).Elem(), 0); err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	return string(w.out)
}

func TestArgumentText(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	v := argAll{
		Text: `a"b` + "\x80", Kind: "k", N: -3, F: 0.1, C: 1 + 2i, OK: true, U: 200, Raw: []byte{1, 'x'},
		List: []argInner{{A: 1, note: "n"}}, Pair: [2]int{1, 2}, Map: map[string][]int{"b": nil, "a": {}},
		Ptr: &argInner{A: 2}, Any: argKind("dyn"), At: time.Date(2026, 1, 2, 3, 4, 5, 6, berlin), hidden: "h",
	}
	const pkg = `"github.com/sentientcore/upshift/cache".`
	want := pkg + `argAll({Text:"a\"b\x80",Kind:"k",N:-3,F:0.1,C:1_2,OK:true,U:200,Raw:"\x01x",` +
		`List:[{A:1,note:"n",},],Pair:[1,2,],Map:{"a":[],:,"b":nil,},Ptr:&{A:2,note:"",},Any:` + pkg +
		`argKind("dyn"),At:2026-01-02T03:04:05.000000006+01:00"CET",hidden:"h",})`
	want = strings.Replace(want, `"a":[],:,`, `"a":[],`, 1)
	if got := key(t, v); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Each of these means something else, so no two have the same text.
func TestArgumentsAreToldApart(t *testing.T) {
	t.Parallel()
	x, y := 1, 1
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	values := []any{
		nil, 0, 1, int8(1), int64(1), uint(1), 1.0, float32(1), math.Copysign(0, -1), 0.0, math.NaN(), math.Inf(1),
		"", "1", "nil", "a,b", argKind("1"), true, false, &x, []byte(nil),
		[]byte{},
		[]byte("1"),
		[]int(nil),
		[]int{},
		[]int{1},
		[]int{1, 1},
		[1]int{1},
		[2]int{1, 1},
		[][]int{{1}, {1}},
		[][]int{{1, 1}},
		[]string{"a", "b"},
		[]string{"a,b"},
		[]string{`a","b`},
		[]any{"a"},
		[]any{1},
		[]any{nil},
		[]any{int8(1)},
		map[string]int(nil),
		map[string]int{},
		map[string]int{"a": 1},
		map[string]int{"a": 1, "b": 1},
		map[any]int{"1": 1},
		map[any]int{1: 1},
		map[float64]int{math.NaN(): 1},
		struct{}{},
		argInner{},
		argInner{note: "x"},
		struct{ A int }{},
		struct{ B int }{},
		&argInner{}, at, at.Add(1), at.In(time.FixedZone("X", 0)), time.Duration(1),
		strings.Repeat("a", 300), strings.Repeat("a", 301),
		[]string{strings.Repeat("a", 300), "b"},
	}
	seen := map[string]int{}
	for i, v := range values {
		k := key(t, v)
		if j, ok := seen[k]; ok {
			t.Errorf("%#v and %#v are both %s", values[j], v, k)
		}
		seen[k] = i
	}
	if key(t, &x) != key(t, &y) {
		t.Error("two pointers to the same number differ")
	}
	if key(t, math.NaN()) != key(t, math.Float64frombits(math.Float64bits(math.NaN())^1)) {
		t.Error("two NaNs differ")
	}
	now := time.Now()
	if key(t, now) != key(t, now.Round(0)) {
		t.Error("the monotonic reading of a time counts")
	}
}

func TestMapOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	a, b := map[string]any{}, map[string]any{}
	for i := range 100 {
		a[string(rune('a'+i))] = i
		b[string(rune('a'+99-i))] = 99 - i
	}
	for range 10 {
		if key(t, a) != key(t, b) {
			t.Fatal("the same map has two texts")
		}
	}
}

func TestArgumentTypesRefused(t *testing.T) {
	t.Parallel()
	type callback struct {
		Name string
		Call func()
	}
	type deep struct{ M map[string][]*callback }
	type chanKey struct{ M map[chan int]bool }
	type withContext struct{ Ctx context.Context }
	type hidden struct{ at time.Time }
	type again struct {
		Next *again
		Bad  [2]unsafe.Pointer
	}
	tests := []struct {
		typ  reflect.Type
		path string
	}{
		{reflect.TypeFor[func()](), "args"},
		{reflect.TypeFor[callback](), "args.Call"},
		{reflect.TypeFor[deep](), "args.M[][].Call"},
		{reflect.TypeFor[chanKey](), "args.M[key]"},
		{reflect.TypeFor[withContext](), "args.Ctx"},
		{reflect.TypeOf(hidden{at: time.Time{}}), "args.at"},
		{reflect.TypeFor[*again](), "args.Bad[]"},
	}
	for _, tt := range tests {
		err := checkArgument(tt.typ)
		var refused *ArgumentError
		if !errors.Is(err, ErrUnsupportedArgument) || !errors.As(err, &refused) || refused.Path != tt.path {
			t.Errorf("%v: %v, want path %s", tt.typ, err, tt.path)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[argAll](), reflect.TypeFor[any](), reflect.TypeFor[*tree]()} {
		if err := checkArgument(typ); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
	}
}

func TestArgumentValuesRefused(t *testing.T) {
	t.Parallel()
	type node struct {
		Next *node
		Any  any
	}
	cycle := &node{}
	cycle.Next = cycle
	self := []any{nil}
	self[0] = self
	wide := &node{}
	for range MaxArgumentDepth / 4 {
		wide = &node{Next: wide, Any: wide}
	}
	for name, tt := range map[string]struct {
		value any
		want  error
	}{
		"function":     {[]any{1, func() {}}, ErrUnsupportedArgument},
		"channel":      {node{Any: make(chan int)}, ErrUnsupportedArgument},
		"cycle":        {cycle, ErrArgumentTooDeep},
		"self":         {self, ErrArgumentTooDeep},
		"many ways":    {wide, nil},
		"long":         {make([]int, maxArgumentBytes), ErrKeyTooLong},
		"hidden times": {struct{ a any }{time.Now()}, ErrUnsupportedArgument},
	} {
		w := writer{}
		err := w.value(reflect.ValueOf(&tt.value).Elem(), 0)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	w := writer{}
	err := w.value(reflect.ValueOf([]any{1, map[string]any{"k": node{Any: func() {}}}}), 0)
	var refused *ArgumentError
	if !errors.As(err, &refused) || refused.Path != "[1][].Any" {
		t.Errorf("path of %v", err)
	}
}

// Two arguments have the same text exactly if they are equal.
func FuzzArgument(f *testing.F) {
	type args struct {
		A, B string
		L    []string
		M    map[string]int
		P    *int
		Any  any
	}
	f.Add("a", "b", "l", 1, "a", "b", "l", 1)
	f.Add("a,", `"b`, "", 0, "a", `,"b`, "", 0)
	f.Add(strings.Repeat("x", 257), "", "y", 2, strings.Repeat("x", 256), "x", "y", 2)
	f.Fuzz(func(t *testing.T, a1, b1, l1 string, n1 int, a2, b2, l2 string, n2 int) {
		build := func(a, b, l string, n int) args {
			v := args{A: a, B: b, M: map[string]int{a: n, b: n, l: 1}, Any: l}
			if n%2 == 0 {
				v.P = &n
			}
			if n%3 == 0 {
				v.Any = []byte(l)
			}
			v.L = strings.Split(l, ",")
			return v
		}
		one, two := build(a1, b1, l1, n1), build(a2, b2, l2, n2)
		k1, err1 := argumentKey("p:", &one)
		k2, err2 := argumentKey("p:", &two)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if (k1 == k2) != reflect.DeepEqual(one, two) {
			t.Errorf("%q and %q for %#v and %#v", k1, k2, one, two)
		}
		if again, _ := argumentKey("p:", &one); again != k1 {
			t.Errorf("%q, then %q", k1, again)
		}
		if len(k1) > len("p:")+maxPlainKey {
			t.Errorf("a key of %d bytes", len(k1))
		}
	})
}
