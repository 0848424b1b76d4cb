package api

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readAudit(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, auditFile))
	must(t, err)
	return data
}

func TestChangingCallsAreAudited(t *testing.T) {
	dir := t.TempDir()
	parts := realParts(t)
	parts.DataDir = dir
	k := newKit(t, parts)
	k.ask(Operator, "POST", base+"/memory/gc", "")
	k.ask(Viewer, "POST", base+"/memory/gc", "")
	k.ask(0, "DELETE", base+"/profiler/functions", "")
	k.ask(Operator, "PUT", base+"/profiler", `{"enabled":true}`)
	k.ask(Viewer, "GET", base+"/status", "")
	k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Viewer]+`"}`)
	k.ask(Admin, "POST", base+"/memory/gc", "", withHeader("Origin", "http://evil.example"))

	records, err := k.audit.recent(100)
	must(t, err)
	var got []string
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		got = append(got, fmt.Sprintf("%s %s %s %s %d", r.Phase, r.Actor, r.Method, strings.TrimPrefix(r.Route, base), r.Status))
	}
	want := []string{
		"intent test operator POST /memory/gc 0",
		"result test operator POST /memory/gc 200",
		"denied test viewer POST /memory/gc 403",
		"denied unknown DELETE /profiler/functions 401",
		"intent test operator PUT /profiler 0",
		"result test operator PUT /profiler 200",
		"result test viewer POST /session 200",
		"denied unknown POST /memory/gc 403",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	intent, result := records[len(records)-1], records[len(records)-2]
	if intent.Request == "" || intent.Request != result.Request || intent.ParamsDigest == "" ||
		intent.TokenID != k.ids[Operator] || intent.Role != "operator" || intent.IP != "127.0.0.1" || intent.Time.IsZero() {
		t.Errorf("intent %+v, result %+v", intent, result)
	}
	if a, b := records[2], records[6]; a.ParamsDigest == b.ParamsDigest {
		t.Error("different parameters, one digest")
	}
	log := readAudit(t, dir)
	for _, secret := range k.secrets {
		if bytes.Contains(log, []byte(secret)) {
			t.Error("a token is in the audit log")
		}
	}
	if n, err := VerifyAudit(bytes.NewReader(log)); n != len(want) || err != nil {
		t.Errorf("verify: %d records, %v", n, err)
	}
	info, err := os.Stat(filepath.Join(dir, auditFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestTamperingIsSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := openAudit(dir, 1<<20)
	must(t, err)
	for i := range 20 {
		must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: fmt.Sprint("actor", i), Method: "POST", Route: "/x"}, false))
	}
	must(t, a.close())
	log := readAudit(t, dir)
	lines := bytes.SplitAfter(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	if n, err := VerifyAudit(bytes.NewReader(log)); n != 20 || err != nil {
		t.Fatalf("untouched: %d %v", n, err)
	}
	for i := range len(lines) - 1 { // the end is told by a copy of the last hash, not by the chain
		without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
		if _, err := VerifyAudit(bytes.NewReader(without)); err == nil && i > 0 {
			t.Errorf("line %d removed: not seen", i+1)
		}
		swapped := append([][]byte{}, lines...)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		if _, err := VerifyAudit(bytes.NewReader(bytes.Join(swapped, nil))); err == nil && i < len(lines)-2 {
			t.Errorf("lines %d and %d swapped: not seen", i+1, i+2)
		}
		twice := append(append([][]byte{}, lines[:i+1]...), lines[i:]...)
		if _, err := VerifyAudit(bytes.NewReader(bytes.Join(twice, nil))); err == nil {
			t.Errorf("line %d twice: not seen", i+1)
		}
	}
	unseen := 0
	for i := range log { // every byte of the file, one bit
		changed := bytes.Clone(log)
		changed[i] ^= 1
		if _, err := VerifyAudit(bytes.NewReader(changed)); err == nil {
			unseen++
		}
	}
	if unseen > 0 {
		t.Errorf("%d of %d changed bytes were not seen", unseen, len(log))
	}
	extra := bytes.Replace(log, []byte(`"method":"POST"`), []byte(`"method":"POST","x":1`), 1)
	if _, err := VerifyAudit(bytes.NewReader(extra)); err == nil {
		t.Error("an added field was not seen")
	}
}

// TestAuditAfterACrash cuts the log at every byte of its last record.
func TestAuditAfterACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := openAudit(dir, 1<<20)
	must(t, err)
	for range 3 {
		must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: "a"}, false))
	}
	must(t, a.close())
	whole := readAudit(t, dir)
	start := bytes.LastIndexByte(bytes.TrimSuffix(whole, []byte("\n")), '\n') + 1
	for cut := start; cut <= len(whole); cut++ {
		must(t, os.WriteFile(filepath.Join(dir, auditFile), whole[:cut], 0o600))
		a, err := openAudit(dir, 1<<20)
		must(t, err)
		must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: "b"}, true))
		must(t, a.close())
		n, err := VerifyAudit(bytes.NewReader(readAudit(t, dir)))
		want := 4 // two whole, recovered, the new one
		if cut == start {
			want = 3
		}
		if n != want || err != nil {
			t.Fatalf("cut at %d of %d: %d records, want %d, %v", cut, len(whole), n, want, err)
		}
	}
}

func TestAuditRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := openAudit(dir, 2000)
	must(t, err)
	for range 40 {
		must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: "a"}, false))
	}
	must(t, a.close())
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	if len(files) != auditKeep+1 {
		t.Errorf("%d files: %v", len(files), files)
	}
	var logs []byte
	for n := auditKeep; n > 0; n-- {
		data, err := os.ReadFile(a.rotated(n))
		must(t, err)
		if len(data) > 3000 {
			t.Errorf("file %d has %d bytes", n, len(data))
		}
		logs = append(logs, data...)
	}
	logs = append(logs, readAudit(t, dir)...)
	if n, err := VerifyAudit(bytes.NewReader(logs)); n < 20 || err != nil {
		t.Errorf("across files: %d records, %v", n, err)
	}
	// A start right after a rotation goes on with the chain.
	must(t, os.WriteFile(filepath.Join(dir, auditFile), nil, 0o600))
	b, err := openAudit(dir, 2000)
	must(t, err)
	defer b.close()
	if b.seq == 0 || b.last == "" {
		t.Error("the chain began anew")
	}
}

func TestUnwritableAudit(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, auditFile), 0o700)) // no file can be opened there, not even by root
	parts := realParts(t)
	parts.DataDir = dir
	k := newKit(t, parts)
	w := k.ask(Admin, "DELETE", base+"/profiler/functions", "")
	if p := problemOf(t, w); p.Status != http.StatusServiceUnavailable || p.Hint == "" || w.Header().Get("Retry-After") == "" {
		t.Errorf("changing call: %+v", p)
	}
	if len(k.parts.Profiler.Functions()) == 0 {
		t.Error("the action was carried out")
	}
	if w := k.ask(Viewer, "GET", base+"/status", ""); w.Code != http.StatusOK {
		t.Errorf("reads: %d", w.Code)
	}
	if w := k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Viewer]+`"}`); w.Code != http.StatusOK {
		t.Errorf("login: %d", w.Code)
	}
	if k.Stats().AuditFailures == 0 {
		t.Error("the failure is not counted")
	}
	must(t, os.Remove(filepath.Join(dir, auditFile)))
	if w := k.ask(Admin, "DELETE", base+"/profiler/functions", ""); w.Code != http.StatusOK {
		t.Errorf("once it can be written again: %d %s", w.Code, w.Body)
	}
}

func TestDeniedCallsDoNotFloodTheAudit(t *testing.T) {
	k := newKit(t, Parts{})
	for range 5 * maxDenials {
		k.ask(Viewer, "POST", base+"/memory/gc", "")
	}
	k.ask(Operator, "POST", base+"/memory/gc", "")
	records, err := k.audit.recent(1000)
	must(t, err)
	if len(records) != maxDenials+2 {
		t.Errorf("%d records", len(records))
	}
	if records[1].Suppressed != 4*maxDenials {
		t.Errorf("suppressed %d, want %d", records[1].Suppressed, 4*maxDenials)
	}
}

// Whoever has no token can log out and in as often as they like, but not fill the log.
func TestStrangersDoNotFloodTheAudit(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{})
	for range 2 * maxDenials {
		k.ask(Open, "DELETE", base+"/session", "")
		k.ask(Open, "POST", base+"/session", `{"token":"a guess"}`)
	}
	records, err := k.audit.recent(1000)
	must(t, err)
	if len(records) != maxDenials {
		t.Errorf("%d records, want %d", len(records), maxDenials)
	}
}

// TestFullDisk writes to a device that is always full, and then again to the file.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full:", err)
	}
	dir := t.TempDir()
	a, err := openAudit(dir, 1<<20)
	must(t, err)
	must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: "a"}, true))
	must(t, a.file.Close())
	a.file = full
	if err := a.append(AuditRecord{Phase: PhaseIntent, Actor: "a"}, true); err == nil || a.writable() {
		t.Errorf("a full disk was not noticed: %v", err)
	}
	must(t, a.append(AuditRecord{Phase: PhaseIntent, Actor: "a"}, true)) // there is room again
	must(t, a.close())
	if n, err := VerifyAudit(bytes.NewReader(readAudit(t, dir))); n != 2 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	if err := a.append(AuditRecord{}, true); err == nil {
		t.Error("a closed log was written")
	}
}
