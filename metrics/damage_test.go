package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// fill stores gatherings of 20 series, a minute apart, and closes the store. With blocks the
// older ones are in blocks, and the rest in the log.
func fill(t *testing.T, dir string, gatherings int, blocks bool) {
	t.Helper()
	s := openStore(t, dir, Config{})
	s.db.DisableCompactions() // none at a moment of its own choosing
	for i := range gatherings {
		var families []*dto.MetricFamily
		for j := range 20 {
			families = append(families, gauge("m", float64(i*j), "n", fmt.Sprint(j)))
		}
		appendAll(t, s, origin().Add(time.Duration(i)*time.Minute), 20, families...)
	}
	if blocks {
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Stats().Blocks == 0 {
			t.Fatal("no block was written")
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// reopened opens a damaged store, checks that it works, and returns how many gatherings of
// one series are left.
func reopened(t *testing.T, dir string, gatherings int) (s *Store, left float64, log *logs) {
	t.Helper()
	log = &logs{}
	s, err := Open(dir, Config{}, log.logger())
	if err != nil {
		t.Fatalf("a damaged store is not opened: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	end := origin().Add(time.Duration(gatherings) * time.Minute)
	appendAll(t, s, end, 1, gauge("after", 1))
	if got := valueOf(t, s, "after", end); got != 1.0 {
		t.Errorf("what is stored after the damage: %v", got)
	}
	left, _ = valueOf(t, s, `count_over_time(m{n="7"}[30d])`, end).(float64)
	return s, left, log
}

// segments are the files of the log.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v %v", files, err)
	}
	slices.Sort(files)
	return files
}

// change rewrites a file.
func change(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, how(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(data []byte) []byte {
		data[at] ^= 0xff
		return data
	}
}

func setAsideIn(t *testing.T, dir, what string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, what+corruptMark+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// Damage costs the records that it hits; what is before and behind is kept.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	const gatherings = 1500
	for _, tt := range []struct {
		name  string
		how   func(data []byte) []byte
		least float64
	}{
		{"one byte in the middle", func(d []byte) []byte { return flip(len(d) / 2)(d) }, gatherings * 0.7},
		{"one byte near the start", flip(5000), gatherings * 0.7},
		{"cut short", func(d []byte) []byte { return d[:len(d)/2+17] }, gatherings * 0.3},
		{"a page of zeros", func(d []byte) []byte { clear(d[2*walPage : 3*walPage]); return d }, gatherings * 0.7},
		{"a page of rubbish", func(d []byte) []byte {
			copy(d[2*walPage:], bytes.Repeat([]byte{0x5a}, walPage))
			return d
		}, gatherings * 0.7},
		{"rubbish at the end", func(d []byte) []byte { return append(d, bytes.Repeat([]byte{0xa5}, 100)...) }, gatherings},
		{"only rubbish", func(d []byte) []byte { return bytes.Repeat([]byte{0x77}, len(d)) }, 0},
		{"emptied", func([]byte) []byte { return nil }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, gatherings, false)
			change(t, segments(t, dir)[0], tt.how)
			s, left, log := reopened(t, dir, gatherings)
			t.Logf("%v of %d gatherings left", left, gatherings)
			if left < tt.least || left > gatherings {
				t.Errorf("%v of %d gatherings are left, want %v or more", left, gatherings, tt.least)
			}
			if tt.name == "emptied" {
				return // an empty segment is a log that just began
			}
			if st := s.Stats(); st.Corruptions == 0 || setAsideIn(t, dir, "wal") != 1 || !strings.Contains(log.String(), "damaged data set aside") {
				t.Errorf("%d corruptions, %d logs set aside; log: %s", st.Corruptions, setAsideIn(t, dir, "wal"), log)
			}
			// Values that are left are the right ones: no sample is taken for another series'.
			if got := valueOf(t, s, `count(max_over_time(m{n="0"}[30d]) > 0)`, origin().Add(gatherings*time.Minute)); got != "none" {
				t.Errorf("series 0 has a value that is not 0: %v", got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again, _, _ := reopened(t, dir, gatherings+1)
			if st := again.Stats(); st.Corruptions != 0 {
				t.Errorf("opened again: %d corruptions, want 0", st.Corruptions)
			}
		})
	}
}

// Every byte of the log may be the damaged one.
func TestAnyDamagedByteOfTheLog(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	fill(t, source, 40, false)
	data, err := os.ReadFile(segments(t, source)[0])
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.TrimRight(data, "\x00")
	for at := 0; at < len(used); at += max(len(used)/60, 1) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "wal"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "wal", "00000000"), flip(at)(bytes.Clone(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, _ := reopened(t, dir, 40)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMissingSegment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 20_000, false)
	files := segments(t, dir)
	if len(files) < 3 {
		t.Fatalf("%d segments, want 3 or more", len(files))
	}
	if err := errors.Join(os.Remove(files[1]), os.RemoveAll(filepath.Join(dir, "chunks_head"))); err != nil {
		t.Fatal(err) // without the chunks, which would give back all
	}
	s, left, _ := reopened(t, dir, 20_000)
	if left < 5_000 || left >= 20_000 {
		t.Errorf("%v gatherings are left", left)
	}
	if st := s.Stats(); st.Corruptions != 1 {
		t.Errorf("%d corruptions, want 1", st.Corruptions)
	}
}

// A repair that was killed is finished, or begun again.
func TestKilledRepair(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		leave func(t *testing.T, dir string)
	}{
		{"while it wrote", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Join(dir, rebuiltLog, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"before the old one was set aside", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Join(dir, finishedLog), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"after the old one was set aside", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Rename(filepath.Join(dir, "wal"), filepath.Join(dir, finishedLog)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 10, false)
			tt.leave(t, dir)
			if _, left, _ := reopened(t, dir, 10); left != 10 {
				t.Errorf("%v gatherings are left, want 10", left)
			}
			for _, name := range []string{rebuiltLog, finishedLog} {
				if exists(filepath.Join(dir, name)) {
					t.Errorf("%s is left behind", name)
				}
			}
		})
	}
}

// fillBlocks makes a store of blocks alone and returns how many gatherings are in them. The
// log would give back what a block loses, as long as it reaches back that far.
func fillBlocks(t *testing.T, dir string) float64 {
	t.Helper()
	const gatherings = 12 * 60
	fill(t, dir, gatherings, true)
	for _, name := range []string{"wal", "chunks_head"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, dir, Config{})
	all, _ := valueOf(t, s, `count_over_time(m{n="7"}[30d])`, origin().Add(gatherings*time.Minute)).(float64)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func blockDirs(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "01*"))
	if err != nil || len(found) < 2 {
		t.Fatalf("blocks %v, %v; want two or more", found, err)
	}
	slices.Sort(found)
	return slices.DeleteFunc(found, func(path string) bool { return strings.Contains(path, corruptMark) })
}

// A block that cannot be opened is set aside; the others are served.
func TestDamagedBlockAtOpen(t *testing.T) {
	t.Parallel()
	const gatherings = 12 * 60
	for _, tt := range []struct {
		name string
		how  func(t *testing.T, block string)
	}{
		{"index cut short", func(t *testing.T, block string) {
			t.Helper()
			change(t, filepath.Join(block, "index"), func(d []byte) []byte { return d[:len(d)/2] })
		}},
		{"no index", func(t *testing.T, block string) {
			t.Helper()
			if err := os.Remove(filepath.Join(block, "index")); err != nil {
				t.Fatal(err)
			}
		}},
		{"rubbish in meta.json", func(t *testing.T, block string) {
			t.Helper()
			change(t, filepath.Join(block, "meta.json"), func([]byte) []byte { return []byte("{") })
		}},
		{"head of the chunks", func(t *testing.T, block string) {
			t.Helper()
			change(t, filepath.Join(block, "chunks", "000001"), flip(0))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			all := fillBlocks(t, dir)
			victim := blockDirs(t, dir)[1]
			tt.how(t, victim)
			s, left, log := reopened(t, dir, gatherings)
			if left >= all || left < all-4*60 {
				t.Errorf("%v of %v gatherings are left", left, all)
			}
			if st := s.Stats(); st.Corruptions != 1 || setAsideIn(t, dir, filepath.Base(victim)) != 1 {
				t.Errorf("%d corruptions, %d set aside; log: %s", st.Corruptions, setAsideIn(t, dir, filepath.Base(victim)), log)
			}
		})
	}
}

// A block whose data turns out to be damaged while it is read is set aside, and the query
// answered without it.
func TestDamagedBlockAtQuery(t *testing.T) {
	t.Parallel()
	const gatherings = 12 * 60
	dir := t.TempDir()
	all := fillBlocks(t, dir)
	victim := blockDirs(t, dir)[1]
	change(t, filepath.Join(victim, "chunks", "000001"), func(d []byte) []byte {
		for i := 20; i < len(d); i += 10 { // every chunk
			d[i] ^= 0x55
		}
		return d
	})
	s, left, log := reopened(t, dir, gatherings)
	if left >= all || left < all-4*60 {
		t.Errorf("%v of %v gatherings are left; log: %s", left, all, log)
	}
	if st := s.Stats(); st.Corruptions != 1 || setAsideIn(t, dir, filepath.Base(victim)) != 1 {
		t.Errorf("%d corruptions; log: %s", st.Corruptions, log)
	}
	if err := s.verify(t.Context()); err == nil {
		t.Error("verify finds nothing wrong with a damaged block that is still open")
	}
	// Later queries and a compaction go on.
	if got := valueOf(t, s, `count(m)`, origin().Add(time.Minute)); got != 20.0 {
		t.Errorf("count(m) = %v, want 20", got)
	}
	if err := errors.Join(s.Compact(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
	again, leftAgain, _ := reopened(t, dir, gatherings+1)
	if leftAgain != left || again.Stats().Corruptions != 0 || again.verify(t.Context()) != nil {
		t.Errorf("opened again: %v gatherings, %+v", leftAgain, again.Stats())
	}
}

// The log may be lost altogether: the blocks still tell which time was the newest.
func TestLostLogKeepsBlocks(t *testing.T) {
	t.Parallel()
	const gatherings = 12 * 60
	dir := t.TempDir()
	fill(t, dir, gatherings, true)
	for _, name := range []string{"wal", "chunks_head"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, dir, Config{})
	newest := s.Stats().NewestSample
	if age := origin().Add(gatherings * time.Minute).Sub(newest); age <= 0 || age > 6*time.Hour {
		t.Errorf("the newest sample is of %v", newest)
	}
	appendAll(t, s, newest.Add(-time.Hour), 0, gauge("a", 1))
	if st := s.Stats(); st.ClockSteps != 1 {
		t.Errorf("%d clock steps, want 1", st.ClockSteps)
	}
}

func TestHeadChunksOfRubbish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 200, false)
	files, err := filepath.Glob(filepath.Join(dir, "chunks_head", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, filepath.Join(dir, "chunks_head", "000099")) {
		if err := os.WriteFile(path, bytes.Repeat([]byte{0x5a}, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, left, log := reopened(t, dir, 200); left != 200 {
		t.Errorf("%v gatherings are left, want 200: all are in the log; %s", left, log)
	}
}

func TestOnlyTheNewestCorruptAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log logs
	count := &counters{}
	for i := range keptCorrupt + 3 {
		path := filepath.Join(dir, fmt.Sprint("block", i))
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		setAside(log.logger(), count, path, errors.New("broken"))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"+corruptMark+"*"))
	if err != nil || len(found) != keptCorrupt {
		t.Errorf("%d are kept, want %d: %v", len(found), keptCorrupt, found)
	}
	for i := range 3 {
		if setAsideIn(t, dir, fmt.Sprint("block", i)) != 0 {
			t.Errorf("the old block%d is kept", i)
		}
	}
	if n := count.corruptions.Load(); n != keptCorrupt+3 {
		t.Errorf("%d counted", n)
	}
	setAside(log.logger(), count, filepath.Join(dir, "nobody"), errors.New("broken"))
	if !strings.Contains(log.String(), "cannot be set aside") {
		t.Errorf("log: %s", log.String())
	}
}

// No data is set aside because the disk is full or the user may not write.
func TestCanDoWithout(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		errors.New("checksum mismatch"): true, os.ErrPermission: false, fmt.Errorf("x: %w", os.ErrPermission): false,
	} {
		if got := canDoWithout(err); got != want {
			t.Errorf("canDoWithout(%v) = %v", err, got)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add([]byte{1, 0, 1, 2, 3, 4, 5}, 100)
	f.Add(bytes.Repeat([]byte{0x24}, 300), walPage-5)
	f.Fuzz(func(t *testing.T, rubbish []byte, at int) {
		path := filepath.Join(t.TempDir(), "00000000")
		data := make([]byte, 2*walPage)
		if at < 0 || at >= len(data) {
			return
		}
		copy(data[at:], rubbish)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		salvage := newSalvage()
		if _, err := readSegment(path, func(rec []byte) error {
			salvage.keep(rec)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
