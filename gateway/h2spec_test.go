//go:build h2spec

package gateway_test

import (
	"bufio"
	"encoding/xml"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// h2specReport is what h2spec writes, in the form of JUnit.
type h2specReport struct {
	Suites []struct {
		Package string `xml:"package,attr"`
		Cases   []struct {
			Name    string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// The conformance suite of HTTP/2 against the gateway: what fails is in testdata/h2spec.txt, each with
// its reason, and nothing else. make h2spec fetches the suite and names it in H2SPEC.
func TestH2Spec(t *testing.T) {
	t.Parallel()
	suite := os.Getenv("H2SPEC")
	if suite == "" {
		t.Fatal("H2SPEC names no h2spec; run make h2spec")
	}
	r := newRig(t, options{}, backend(t, says("ok")).URL)
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	out, err := exec.CommandContext(t.Context(), suite, "-h", "127.0.0.1", "-p", port, "-o", "3", "-j", file).CombinedOutput()
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatalf("h2spec left no report: %v, %v\n%s", err, readErr, out)
	}
	var report h2specReport
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	known, cases, failed := allowed(t), 0, []string{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			cases++
			if name := s.Package + ": " + c.Name; c.Failure != nil || c.Error != nil {
				failed = append(failed, name)
				if !slices.Contains(known, name) {
					t.Errorf("not known to fail: %s", name)
				}
			}
		}
	}
	for _, name := range known {
		if !slices.Contains(failed, name) {
			t.Errorf("it passes now, take it off the list: %s", name)
		}
	}
	if cases < 140 {
		t.Errorf("only %d cases: the report was not understood", cases)
	}
	t.Logf("%d cases, %d known failures", cases, len(failed))
}

// allowed are the cases that may fail.
func allowed(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "h2spec.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names
}
