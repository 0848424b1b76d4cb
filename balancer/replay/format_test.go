package replay_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/balancer/replay"
)

func someLog() *replay.Log {
	return &replay.Log{
		Strategy: "adaptive", Placed: true,
		Servers: []replay.Server{{ID: "a", Weight: 1}, {ID: "b", Weight: 2.5, MaxConnections: 8}},
		Calls: []replay.Call{
			{Server: 1, Took: 12500 * time.Microsecond, Size: 100, OK: true},
			{At: 250 * time.Millisecond, Took: -1, Again: true},
		},
	}
}

func TestLogRoundTrip(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	if err := someLog().Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := replay.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(someLog(), got); diff != "" {
		t.Error(diff)
	}
}

func TestReadTraces(t *testing.T) {
	t.Parallel()
	want := []replay.Call{
		{Took: -1, OK: true, Input: 374, Output: 44, Size: 374},
		{At: 1500 * time.Millisecond, Took: -1, OK: true, Input: 396, Output: 109, Size: 396},
	}
	for name, text := range map[string]string{
		"azure, short":   "t_ms,input_tokens,output_tokens\n0.0,374,44\n1500.0,396,109\n",
		"azure":          "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,374,44\r\n2023-11-16 18:17:05.4799600,396,109\r\n",
		"mooncake short": `{"t":0,"i":374,"o":44}` + "\n\n" + `{"t":1500,"i":396,"o":109}`,
		"mooncake":       `{"timestamp":0,"input_length":374,"output_length":44}` + "\n" + `{"timestamp":1500,"input_length":396,"output_length":109}`,
	} {
		got, err := replay.Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got.Calls); diff != "" || got.Placed {
			t.Errorf("%s: placed %v, %s", name, got.Placed, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const first = `{"upshift_log":1,"servers":[{"id":"a","weight":1}]}` + "\n"
	for text, want := range map[string]string{
		"":                        "no calls",
		first:                     "no calls",
		"hello":                   "line 1: must be a header",
		"a,b\n1,2":                "line 1: must be a header",
		`{"x":1}`:                 "line 1: must be a header",
		`{"t":1,"i":0}`:           "line 1: tokens must be 1 to",
		"t_ms,i,o\n1,2":           "line 2: must have 3 columns",
		"t_ms,i,o\nyesterday,1,2": "line 2: the time must be",
		"t_ms,i,o\n1,x,2":         "line 2: input tokens",
		`{"upshift_log":2}`:       "line 1: upshift_log must be 1",
		`{"upshift_log":1}`:       "line 1: servers must be 1 to",
		`{"upshift_log":1,"servers":[{"id":"a"}]}`:                    "servers[0].weight must be above 0",
		`{"upshift_log":1,"servers":[{"id":"","weight":1}]}`:          "servers[0].id must be unique",
		first + `{"t":-1,"server":"a"}`:                               "line 2: t must be 0 or more",
		first + `{"t":1,"server":"b","ms":1}`:                         `line 2: server must be one of the first line (got "b")`,
		first + `{"t":1,"server":"a","size":-3}`:                      "line 2: size must be 0 or more",
		first + `{"t":1,"server":"a"` + strings.Repeat(" ", 2<<20):    "token too long",
		first + `{"t":1,"server":"a","ms":1}` + "\n" + `{"t":"soon"}`: "line 3:",
	} {
		if _, err := replay.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
}

// FuzzRead: whatever is read can be written and read again.
func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	if err := someLog().Write(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte("t_ms,input_tokens,output_tokens\n0.0,374,44\n"))
	f.Add([]byte(`{"timestamp":0,"input_length":374,"output_length":44,"hash_ids":[1,2]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := replay.Read(bytes.NewReader(data))
		if err != nil || !l.Placed {
			return
		}
		for i, c := range l.Calls {
			if c.Server < 0 || c.Server >= len(l.Servers) || c.At < 0 || i > 0 && c.At < l.Calls[i-1].At {
				t.Fatalf("call %d: %+v", i, c)
			}
		}
		var again bytes.Buffer
		if err := l.Write(&again); err != nil {
			t.Fatal(err)
		}
		got, err := replay.Read(&again)
		if err != nil || len(got.Calls) != len(l.Calls) {
			t.Fatalf("read again: %v", err)
		}
	})
}
