package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Row is one line of the report.
type Row struct {
	// Bar begins with the name of the measurement.
	Bar    string  `json:"bar"`
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit,omitempty"`
	// Most and Least are the bar; a row with neither informs.
	Most  *float64 `json:"most,omitempty"`
	Least *float64 `json:"least,omitempty"`
	// Rival is what the rival got, in the same run and unit.
	Rival *Rival `json:"rival,omitempty"`
	// Note says how the figure is to be read.
	Note string `json:"note,omitempty"`
	// Noisy says that something else kept the machine busy: the figure is no verdict.
	Noisy bool `json:"noisy,omitempty"`
	// Error is why there is no figure.
	Error string `json:"error,omitempty"`
}

// Rival is a named peer's figure.
type Rival struct {
	Name   string  `json:"name"`
	Figure float64 `json:"figure"`
}

func most(v float64) *float64  { return &v }
func least(v float64) *float64 { return &v }

// Passed reports whether the row keeps its bar; what informs only always does.
func (r Row) Passed() bool {
	return r.Error == "" && !r.Noisy && !math.IsNaN(r.Figure) &&
		(r.Most == nil || r.Figure <= *r.Most) && (r.Least == nil || r.Figure >= *r.Least)
}

func (r Row) verdict() string {
	switch {
	case r.Noisy && r.Error == "":
		return "NOISY"
	case !r.Passed():
		return "MISS"
	case r.Most == nil && r.Least == nil:
		return "-"
	}
	return "PASS"
}

func (r Row) limit() string {
	switch {
	case r.Most != nil:
		return "≤ " + number(*r.Most)
	case r.Least != nil:
		return "≥ " + number(*r.Least)
	}
	return ""
}

const layout = "%-50s %9s %-5s %-8s %-5s %-22s %-7s %s"

func (r Row) String() string {
	figure, rival, ratio, note := number(r.Figure), "", "", r.Note
	if r.Error != "" {
		figure, note = "none", r.Error
	}
	if r.Rival != nil {
		rival = r.Rival.Name + " " + number(r.Rival.Figure)
		if r.Rival.Figure > 0 && r.Figure > 0 {
			ratio = fmt.Sprintf("%.2f×", r.Figure/r.Rival.Figure)
		}
	}
	line := fmt.Sprintf(layout, r.Bar, figure, r.Unit, r.limit(), r.verdict(), rival, ratio, note)
	return strings.TrimRight(line, " ")
}

// number shows three or four significant digits.
func number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e6:
		return fmt.Sprintf("%.0f", v)
	case a < 10:
		return fmt.Sprintf("%.3f", v)
	case a < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// report prints rows as they come and keeps them.
type report struct {
	out   io.Writer
	Facts Facts `json:"facts"`
	Rows  []Row `json:"rows"`
}

func newReport(out io.Writer, f Facts) *report {
	r := &report{out: out, Facts: f}
	fmt.Fprintln(out, f)
	fmt.Fprintln(out, header())
	return r
}

func header() string {
	return fmt.Sprintf(layout, "what", "figure", "unit", "bar", "", "rival", "ratio", "note")
}

func (r *report) add(row Row) {
	r.Rows = append(r.Rows, row)
	fmt.Fprintln(r.out, row)
}

// fail adds a measurement that could not be made.
func (r *report) fail(name string, err error) {
	text := oneLine(err.Error())
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	r.add(Row{Bar: name, Error: text})
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (r *report) passed() bool {
	for _, row := range r.Rows {
		if !row.Passed() {
			return false
		}
	}
	return len(r.Rows) > 0
}

// write stores the report as text and as JSON in a folder, which it makes, and returns the
// path of the text.
func (r *report) write(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = folder.Close() }() // only a handle: nothing is lost with it
	var text strings.Builder
	fmt.Fprintln(&text, r.Facts)
	fmt.Fprintln(&text, header())
	for _, row := range r.Rows {
		fmt.Fprintln(&text, row)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	name := r.Facts.Time.Format("20060102-150405") + "-" + r.Facts.Commit
	return filepath.Join(dir, name+".txt"), errors.Join(
		folder.WriteFile(name+".txt", []byte(text.String()), 0o600),
		folder.WriteFile(name+".json", append(data, '\n'), 0o600),
	)
}
