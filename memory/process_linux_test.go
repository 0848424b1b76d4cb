package memory

import "testing"

func TestParseStatus(t *testing.T) {
	t.Parallel()
	good := "Name:\tx: y\nVmSize:\t   3060 kB\nVmRSS:\t   1696 kB\nRssAnon:\t     108 kB\n"
	p, err := parseStatus([]byte(good))
	want := Process{RSSBytes: 1696 << 10, RSSAnonBytes: 108 << 10, VMSBytes: 3060 << 10}
	if err != nil || p != want {
		t.Errorf("got %+v, %v; want %+v", p, err, want)
	}
	for _, bad := range []string{
		"", "VmRSS:\n", "VmRSS: many kB\n", "VmRSS: -1 kB\n", "VmRSS: 1 MB\n", "VmSize: 1 kB\n",
	} {
		if _, err := parseStatus([]byte(bad)); err == nil {
			t.Errorf("parseStatus(%q) found no fault", bad)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("VmSize:\t   3060 kB\nVmRSS:\t   1696 kB\nRssAnon:\t     108 kB\n"))
	f.Fuzz(func(t *testing.T, status []byte) {
		p, err := parseStatus(status)
		if err == nil && (p.RSSBytes <= 0 || p.RSSAnonBytes < 0 || p.VMSBytes < 0) {
			t.Errorf("parseStatus(%q) = %+v", status, p)
		}
	})
}
