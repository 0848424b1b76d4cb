package conf

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// maxFaults bounds a report; what lies beyond is counted.
const maxFaults = 100

// Fault is one thing wrong with a configuration.
type Fault struct {
	// Origin is where it stands: upshift.yaml:12, env NAME or --set. It may be empty.
	Origin string
	// Key is the file key it is about; it may be empty.
	Key string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error returns the fault in one line.
func (f *Fault) Error() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{f.Origin, f.Key, f.Problem} {
		if p != "" {
			parts = append(parts, oneLine(p))
		}
	}
	return strings.Join(parts, ": ")
}

// faults collects what is wrong.
type faults struct {
	all  []error
	more int
}

func (f *faults) add(origin, key, problem string) {
	if len(f.all) == maxFaults {
		f.more++
		return
	}
	f.all = append(f.all, &Fault{Origin: origin, Key: clip(key), Problem: problem})
}

func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(append(f.all, fmt.Errorf("and %d more faults", f.more))...)
	}
	return errors.Join(f.all...)
}

// oneLine replaces line breaks and other control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// clip shortens text that a person is shown.
func clip(s string) string {
	const most = 80
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
