package advisor

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// load reads a stored snapshot. A field that no part has any more is a fault of the file.
func load(t *testing.T, path string) Snapshot {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s Snapshot
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return s
}

// Each testdata/NAME.json is a snapshot, and NAME.golden what is made of it.
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d snapshots, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			s := load(t, path)
			verdict := struct {
				Health   Health    `json:"health"`
				Findings []Finding `json:"findings"`
			}{Score(s), Findings(s)}
			got, err := json.MarshalIndent(verdict, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v; run the test with -update to write it", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", golden, diff)
			}
		})
	}
}

// A snapshot that is stored and read again is judged alike.
func TestSnapshotSurvivesJSON(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6, 7, 8} {
		s := random(seed)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Snapshot
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Score(s), Score(again)); diff != "" {
			t.Errorf("seed %d: score: %s", seed, diff)
		}
		if diff := cmp.Diff(Findings(s), Findings(again)); diff != "" {
			t.Errorf("seed %d: findings: %s", seed, diff)
		}
	}
}
