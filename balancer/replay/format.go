package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds one line of a file.
const maxLine = 1 << 20

// maxServers bounds the servers of a file.
const maxServers = 4096

// header is the first line of a file of our own: a log of JSON lines.
type header struct {
	Version  int            `json:"upshift_log"`
	Strategy string         `json:"strategy"`
	Servers  []headerServer `json:"servers"`
}

type headerServer struct {
	ID             string  `json:"id"`
	Weight         float64 `json:"weight"`
	MaxConnections int     `json:"max_connections,omitempty"`
}

// row is each further line: a call.
type row struct {
	At     float64 `json:"t"`      // seconds since the first
	Server string  `json:"server"` // its id
	Took   float64 `json:"ms"`     // below 0: unknown
	Size   float64 `json:"size,omitempty"`
	OK     bool    `json:"ok"`
	Again  bool    `json:"again,omitempty"`
}

// Write writes the log as JSON lines, which [Read] reads.
func (l *Log) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	h := header{Version: 1, Strategy: l.Strategy}
	for _, s := range l.Servers {
		h.Servers = append(h.Servers, headerServer(s))
	}
	if err := lines.Encode(h); err != nil {
		return err
	}
	for _, c := range l.Calls {
		r := row{
			At: c.At.Seconds(), Server: l.Servers[c.Server].ID, Took: float64(c.Took) / 1e6,
			Size: c.Size, OK: c.OK, Again: c.Again,
		}
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Read reads a log: JSON lines as [Log.Write] writes them, or one of two kinds of arrivals
// at a language model: a CSV file of the Azure traces (t_ms,input_tokens,output_tokens, or
// TIMESTAMP,ContextTokens,GeneratedTokens) and JSON lines of the Mooncake traces ({"t":ms,
// "i":input,"o":output,"h":[blocks]}, or timestamp, input_length, output_length, hash_ids).
// Of more than [MaxCalls] calls the last count. Errors name the line.
func Read(r io.Reader) (*Log, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var p parser
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("replay: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("replay: read log: %w", err)
	}
	if len(p.log.Calls) == 0 {
		return nil, errors.New("replay: the log has no calls")
	}
	p.log.Sort()
	return &p.log, nil
}

// parser takes lines one after the other; the first says how to read the rest.
type parser struct {
	log   Log
	read  func(line []byte) (Call, error)
	index map[string]int
}

func (p *parser) line(line []byte) error {
	if p.read == nil {
		first, err := p.begin(line)
		if !first || err != nil {
			return err
		}
	}
	c, err := p.read(line)
	if err != nil {
		return err
	}
	if len(p.log.Calls) >= 2*MaxCalls {
		p.log.Calls = append(p.log.Calls[:0], p.log.Calls[MaxCalls:]...)
	}
	p.log.Calls = append(p.log.Calls, c)
	return nil
}

// begin finds out the format; call says that the line is a call already.
func (p *parser) begin(line []byte) (call bool, err error) {
	if line[0] != '{' {
		switch columns := strings.Split(strings.ToLower(string(line)), ","); {
		case len(columns) != 3:
		case columns[0] == "t_ms", columns[0] == "timestamp":
			p.read = azure()
			return false, nil
		}
		return false, errors.New("must be a header: JSON with upshift_log, or t_ms,input_tokens,output_tokens")
	}
	var h header
	if err := json.Unmarshal(line, &h); err == nil && h.Version > 0 {
		return false, p.own(h)
	}
	p.read = mooncake
	return true, nil
}

// own begins a log of our own format.
func (p *parser) own(h header) error {
	if h.Version != 1 {
		return fmt.Errorf("upshift_log must be 1 (got %d); a newer upshift wrote this", h.Version)
	}
	if len(h.Servers) == 0 || len(h.Servers) > maxServers {
		return fmt.Errorf("servers must be 1 to %d (got %d)", maxServers, len(h.Servers))
	}
	p.index = map[string]int{}
	for i, s := range h.Servers {
		if _, twice := p.index[s.ID]; twice || s.ID == "" {
			return fmt.Errorf("servers[%d].id must be unique and not empty (got %q)", i, s.ID)
		}
		if !(s.Weight > 0) {
			return fmt.Errorf("servers[%d].weight must be above 0 (got %v)", i, s.Weight)
		}
		p.index[s.ID] = i
		p.log.Servers = append(p.log.Servers, Server(s))
	}
	p.log.Strategy, p.log.Placed = h.Strategy, true
	p.read = p.row
	return nil
}

func (p *parser) row(line []byte) (Call, error) {
	var r row
	if err := json.Unmarshal(line, &r); err != nil {
		return Call{}, err
	}
	at, err := duration("t", r.At*1e9)
	if err != nil {
		return Call{}, err
	}
	took, err := duration("ms", max(r.Took, 0)*1e6)
	if err != nil {
		return Call{}, err
	}
	if r.Took < 0 {
		took = -1
	}
	server, known := p.index[r.Server]
	switch {
	case !known:
		return Call{}, fmt.Errorf("server must be one of the first line (got %q)", r.Server)
	case !(r.Size >= 0) || math.IsInf(r.Size, 1):
		return Call{}, fmt.Errorf("size must be 0 or more (got %v)", r.Size)
	}
	return Call{At: at, Server: server, Took: took, Size: r.Size, OK: r.OK, Again: r.Again}, nil
}

// duration checks a time in nanoseconds: 0 to ten years.
func duration(field string, ns float64) (time.Duration, error) {
	if !(ns >= 0 && ns < 10*365*24*3600e9) {
		return 0, fmt.Errorf("%s must be 0 or more, and ten years at most", field)
	}
	return time.Duration(ns), nil
}

// azure reads the calls of a CSV file.
func azure() func(line []byte) (Call, error) {
	var began time.Time
	return func(line []byte) (Call, error) {
		columns := strings.Split(string(line), ",")
		if len(columns) != 3 {
			return Call{}, fmt.Errorf("must have 3 columns (got %d)", len(columns))
		}
		var ns float64
		if at, err := time.Parse("2006-01-02 15:04:05.999999999", columns[0]); err == nil {
			if began.IsZero() {
				began = at
			}
			ns = float64(at.Sub(began))
		} else if ms, err := strconv.ParseFloat(columns[0], 64); err == nil {
			ns = ms * 1e6
		} else {
			return Call{}, fmt.Errorf("the time must be milliseconds or a date (got %q)", columns[0])
		}
		in, err := strconv.Atoi(columns[1])
		if err != nil {
			return Call{}, fmt.Errorf("input tokens: %w", err)
		}
		out, err := strconv.Atoi(columns[2])
		if err != nil {
			return Call{}, fmt.Errorf("output tokens: %w", err)
		}
		return tokens(ns, in, out, nil)
	}
}

// mooncake reads a line of the Mooncake traces, in its short or long names.
func mooncake(line []byte) (Call, error) {
	var r struct {
		At         *float64 `json:"t"`
		In         int      `json:"i"`
		Out        int      `json:"o"`
		Blocks     []uint64 `json:"h"`
		LongAt     *float64 `json:"timestamp"`
		LongIn     int      `json:"input_length"`
		LongOut    int      `json:"output_length"`
		LongBlocks []uint64 `json:"hash_ids"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return Call{}, err
	}
	switch {
	case r.At != nil:
		return tokens(*r.At*1e6, r.In, r.Out, r.Blocks)
	case r.LongAt != nil:
		return tokens(*r.LongAt*1e6, r.LongIn, r.LongOut, r.LongBlocks)
	}
	return Call{}, errors.New("must be a header with upshift_log, or a call with t or timestamp")
}

// maxTokens bounds the tokens of a prompt or an answer.
const maxTokens = 1 << 24

func tokens(ns float64, in, out int, blocks []uint64) (Call, error) {
	at, err := duration("the time", ns)
	if err != nil {
		return Call{}, err
	}
	if in < 1 || in > maxTokens || out < 0 || out > maxTokens {
		return Call{}, fmt.Errorf("tokens must be 1 to %d of input and 0 to %d of output (got %d, %d)", maxTokens, maxTokens, in, out)
	}
	return Call{At: at, Took: -1, OK: true, Input: in, Output: out, Size: float64(in), Blocks: blocks}, nil
}
