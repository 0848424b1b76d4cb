package capture

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"
)

const maxPlainBytes = 4 * maxDataBytes

// Parse reads a profile in pprof's format, gzipped or not. What is corrupt, or larger than 256 MiB
// uncompressed, is an error.
func Parse(data []byte) (*profile.Profile, error) {
	if len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		zip, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("capture: corrupt profile: %w", err)
		}
		data, err = io.ReadAll(io.LimitReader(zip, maxPlainBytes+1))
		if err != nil {
			return nil, fmt.Errorf("capture: corrupt profile: %w", err)
		}
	}
	if len(data) > maxPlainBytes {
		return nil, fmt.Errorf("capture: the profile is larger than %d MiB", maxPlainBytes>>20)
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil {
		return nil, fmt.Errorf("capture: corrupt profile: %w", err)
	}
	if err := p.CheckValid(); err != nil {
		return nil, fmt.Errorf("capture: corrupt profile: %w", err)
	}
	return p, checkNames(p)
}

// checkNames refuses a profile whose values cannot be told apart by name.
func checkNames(p *profile.Profile) error {
	if len(p.SampleType) == 0 {
		return errors.New("capture: corrupt profile: it measures nothing")
	}
	seen := map[string]bool{"": true}
	for _, t := range p.SampleType {
		if seen[t.Type] {
			return fmt.Errorf("capture: corrupt profile: a value has no name of its own (%q)", clip(t.Type))
		}
		seen[t.Type] = true
	}
	return nil
}

// valueIndex finds the value of samples that p is about: the named one, or the profile's default,
// or the last.
func valueIndex(p *profile.Profile, sample string) (int, error) {
	if sample == "" {
		sample = p.DefaultSampleType
	}
	for i, t := range p.SampleType {
		if t.Type == sample {
			return i, nil
		}
	}
	if sample == "" {
		return len(p.SampleType) - 1, nil
	}
	return 0, &RequestError{"sample", fmt.Sprintf("must be one of %s (got %q)", strings.Join(sampleNames(p), ", "), clip(sample))}
}

const unknownName = "(unknown)"

// frame names one function of a stack: what the flame graph and the tables go by.
func frame(l profile.Line) string {
	if l.Function == nil || l.Function.Name == "" {
		return unknownName
	}
	return l.Function.Name
}

func sampleNames(p *profile.Profile) []string {
	names := make([]string, len(p.SampleType))
	for i, t := range p.SampleType {
		names[i] = t.Type
	}
	return names
}
