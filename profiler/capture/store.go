package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// store is the directory of captures: each is a file of data and one of JSON that describes it,
// written last.
type store struct{ root *os.Root }

// ours are the names that the store makes; it touches no other file.
var ours = regexp.MustCompile(`^(\d{8}T\d{6}-[a-z]+-[0-9a-f]{8})\.(json|pb\.gz|trace)(\.part)?$`)

const maxDescription = 64 << 10

// openStore makes the directory and reads what is in it, oldest first. What a crash left behind
// half written is removed.
func openStore(dir string) (*store, []Capture, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("capture: make the directory of captures: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("capture: open the directory of captures: %w", err)
	}
	s := &store{root}
	captures, err := s.load()
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	return s, captures, nil
}

func (s *store) load() ([]Capture, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("capture: read the directory of captures: %w", err)
	}
	var found []Capture
	wanted := map[string]bool{}
	for _, e := range entries {
		if m := ours.FindStringSubmatch(e.Name()); m != nil && m[2] == "json" && m[3] == "" {
			if c, ok := s.describe(m[1]); ok {
				found = append(found, c)
				wanted[c.ID+".json"], wanted[c.File()] = true, true
			}
		}
	}
	for _, e := range entries {
		if ours.MatchString(e.Name()) && !wanted[e.Name()] {
			if err := s.root.Remove(e.Name()); err != nil {
				return nil, fmt.Errorf("capture: remove what was left half written: %w", err)
			}
		}
	}
	slices.SortFunc(found, func(a, b Capture) int {
		return strings.Compare(a.ID, b.ID) // begins with the time
	})
	return found, nil
}

// describe reads one description and reports whether its data is there.
func (s *store) describe(id string) (Capture, bool) {
	var c Capture
	info, err := s.root.Stat(id + ".json")
	if err != nil || info.Size() > maxDescription {
		return c, false
	}
	text, err := s.root.ReadFile(id + ".json")
	if err != nil || json.Unmarshal(text, &c) != nil || c.ID != id || c.State != Done {
		return c, false
	}
	data, err := s.root.Stat(c.File())
	return c, err == nil && data.Size() == c.SizeBytes && slices.Contains(Kinds(), c.Kind)
}

func (s *store) write(c Capture, data []byte) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("capture: describe: %w", err)
	}
	if err := s.put(c.File(), data); err != nil {
		return err
	}
	return s.put(c.ID+".json", text)
}

// put writes a file whole or not at all.
func (s *store) put(name string, data []byte) error {
	part := name + ".part"
	err := s.root.WriteFile(part, data, 0o600)
	if err == nil {
		err = s.root.Rename(part, name)
	}
	if err != nil {
		_ = s.root.Remove(part) // the next start does, if this cannot
		return fmt.Errorf("capture: keep on disk: %w", err)
	}
	return nil
}

func (s *store) read(c Capture) ([]byte, error) {
	data, err := s.root.ReadFile(c.File())
	if err != nil {
		return nil, fmt.Errorf("capture: read from disk: %w", err)
	}
	return data, nil
}

func (s *store) remove(c Capture) error {
	var errs []error
	for _, name := range []string{c.ID + ".json", c.File()} {
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("capture: remove from disk: %w", err))
		}
	}
	return errors.Join(errs...)
}
