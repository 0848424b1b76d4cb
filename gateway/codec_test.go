package gateway

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func samplePage() *page {
	return &page{variants: []*answer{
		{
			vary: []string{"Accept-Language"}, values: []string{"\x00"}, status: 200,
			header: http.Header{"Etag": {`"1"`}, "X-List": {"a", "b <&> c"}}, body: []byte("one\ntwo"),
			born: time.Unix(1_700_000_000, 5), lifetime: time.Minute, shared: true,
		},
		{
			status: 404, vary: []string{}, values: []string{}, header: http.Header{}, body: []byte{}, born: time.Unix(1_700_000_000, 0), noCache: true,
			form: formStreamUsage, staleWhile: time.Second, staleOnError: time.Minute, took: time.Millisecond, price: 0.125,
		},
	}}
}

var samePages = cmp.AllowUnexported(page{}, answer{})

func TestPageComesBack(t *testing.T) {
	t.Parallel()
	want := samplePage()
	data, err := pageCodec{}.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pageCodec{}.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want.variants[1].vary, want.variants[1].values = nil, nil
	if diff := cmp.Diff(want, got, samePages); diff != "" {
		t.Error(diff)
	}
	got.variants[0].body = append(got.variants[0].body, "more"...)
	if again, _ := (pageCodec{}).Decode(data); !bytes.Equal(again.variants[0].body, want.variants[0].body) {
		t.Error("bodies share their room")
	}
}

func TestPagesThatAreNotShared(t *testing.T) {
	t.Parallel()
	latin := samplePage()
	latin.variants[0].header.Set("X-Name", "caf\xe9")
	latinVary := samplePage()
	latinVary.variants[0].values[0] = "\xe9"
	for _, test := range []struct {
		name string
		page *page
		want error
	}{
		{"none", nil, errEmptyPage}, {"empty", &page{}, errEmptyPage}, {"header", latin, errNotText}, {"vary", latinVary, errNotText},
	} {
		if _, err := (pageCodec{}).Encode(test.page); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzPage(f *testing.F) {
	data, err := pageCodec{}.Encode(samplePage())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"variants":[{"status":200,"header":{},"length":-1}]}` + "\n"))
	f.Add([]byte(`{"variants":[{"status":99,"header":{},"length":0}]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := pageCodec{}.Decode(data)
		if err != nil {
			return
		}
		if len(p.variants) == 0 || len(p.variants) > maxVariants || p.cost() < 0 {
			t.Fatalf("%d answers came out", len(p.variants))
		}
		p.find(http.Header{})
		if _, err := (pageCodec{}).Encode(p); err != nil {
			t.Fatalf("what came out does not go in: %v", err)
		}
	})
}
