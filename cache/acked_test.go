package cache

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestAcked(t *testing.T) {
	t.Parallel()
	var a acked
	second := int64(time.Second)
	a.note([]string{"n:old"}, 1*second)
	a.note([]string{"n:a", "t:x"}, 30*second)
	a.lost = 35 * second
	got := a.unsure()
	slices.Sort(got)
	if want := []string{"n:a", "t:x"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	a.note(nil, 1000*second)
	if len(a.at) != 0 {
		t.Errorf("%v is remembered for ever", a.at)
	}
	for i := range 3 * maxOwed {
		a.note([]string{"t:" + strconv.Itoa(i)}, 1000*second)
		if len(a.at) > maxOwed {
			t.Fatalf("%d names", len(a.at))
		}
	}
	if a.lost = 1000 * second; !slices.Contains(a.unsure(), groupGeneration) {
		t.Error("too many names do not stand for all")
	}
}

func TestMessageNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ message, want string }{
		{string(keyMessage("answers", "k/1")), "n:answers"},
		{string(message(saysName, "answers")), "n:answers"},
		{string(message(saysTag, "a/b")), "t:a/b"},
		{string(message(saysPattern, "answers/x*")), "n:answers"},
		{string(message(saysPattern, "/x*")), "g"},
		{string(message(saysAll, "")), "g"},
		{string(landedMessage(landedFailed, "answers/k")), ""},
		{"", ""},
		{"?", ""},
	} {
		got := ""
		if names := messageNames([]byte(test.message)); len(names) > 0 {
			got = names[0]
		}
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.message, got, test.want)
		}
	}
}
