package capture

import (
	"cmp"
	"slices"

	"github.com/google/pprof/profile"
)

// Top is a profile by function.
type Top struct {
	Sample string `json:"sample"`
	Unit   string `json:"unit"`
	Total  int64  `json:"total"`
	// Functions are those with the greatest flat value, greatest first; Left is how many more there are.
	Functions []TopFunction `json:"functions"`
	Left      int           `json:"left"`
}

// TopFunction is one function of a profile.
type TopFunction struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	// Flat is what was measured in the function alone, Cumulative also in what it calls; the
	// shares, 0 to 1, are of the total.
	Flat            int64   `json:"flat"`
	FlatShare       float64 `json:"flat_share"`
	Cumulative      int64   `json:"cumulative"`
	CumulativeShare float64 `json:"cumulative_share"`
}

// NewTop adds p up by function and keeps limit of them; zero or less means all. sample is one of p's;
// empty is its default. An unknown one is a [*RequestError].
func NewTop(p *profile.Profile, sample string, limit int) (Top, error) {
	index, err := valueIndex(p, sample)
	if err != nil {
		return Top{}, err
	}
	t := Top{Sample: p.SampleType[index].Type, Unit: p.SampleType[index].Unit, Functions: []TopFunction{}}
	for _, f := range byFunction(p, index) {
		t.Total += f.Flat
		t.Functions = append(t.Functions, *f)
	}
	for i := range t.Functions {
		f := &t.Functions[i]
		f.FlatShare, f.CumulativeShare = share(float64(f.Flat), float64(t.Total)), share(float64(f.Cumulative), float64(t.Total))
	}
	slices.SortFunc(t.Functions, func(a, b TopFunction) int {
		return cmp.Or(cmp.Compare(b.Flat, a.Flat), cmp.Compare(b.Cumulative, a.Cumulative), cmp.Compare(a.Name, b.Name))
	})
	if limit > 0 && len(t.Functions) > limit {
		t.Left = len(t.Functions) - limit
		t.Functions = t.Functions[:limit]
	}
	return t, nil
}

func share(part, total float64) float64 {
	if total <= 0 {
		return 0
	}
	return part / total
}

// byFunction adds values up. A function that calls itself counts once in a stack. Each sample has
// a leaf, so the flat values add up to the total.
func byFunction(p *profile.Profile, index int) map[string]*TopFunction {
	found := map[string]*TopFunction{}
	counted := map[*TopFunction]int{} // the last sample that it was counted in
	for n, s := range p.Sample {
		v := s.Value[index]
		if v <= 0 {
			continue
		}
		leaf := true
		for _, l := range stack(s) {
			name := frame(l)
			f := found[name]
			if f == nil {
				f = &TopFunction{Name: name}
				if l.Function != nil {
					f.File = l.Function.Filename
				}
				found[name] = f
			}
			if leaf {
				f.Flat += v
				leaf = false
			}
			if counted[f] != n+1 {
				counted[f] = n + 1
				f.Cumulative += v
			}
		}
	}
	return found
}

// stack is every call of a sample, innermost first, at least one.
func stack(s *profile.Sample) []profile.Line {
	var lines []profile.Line
	for _, l := range s.Location {
		if len(l.Line) == 0 {
			lines = append(lines, profile.Line{})
		}
		lines = append(lines, l.Line...)
	}
	if len(lines) == 0 {
		return []profile.Line{{}}
	}
	return lines
}
