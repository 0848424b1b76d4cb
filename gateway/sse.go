package gateway

import "bytes"

// event is one of an event stream. Its data is a piece of the stream where it has one line.
type event struct {
	name string
	data []byte
}

// done is what OpenAI's streams end with.
var done = []byte("[DONE]")

// parseEvents reads a whole event stream as the HTML standard says (section 9.2.6). It reports
// whether the stream ends where an event does: what follows the last one is no event.
func parseEvents(stream []byte) (events []event, whole bool) {
	stream = bytes.TrimPrefix(stream, []byte("\ufeff"))
	var e event
	pending, lines := false, 0
	for len(stream) > 0 {
		line, rest, ended := nextLine(stream)
		stream = rest
		switch {
		case len(line) > 0:
			pending = true
			if name, value := field(line); name == "event" {
				e.name = string(value)
			} else if name == "data" {
				e.data = appendLine(e.data, value, lines)
				lines++
			}
			if !ended && !(lines == 1 && bytes.Equal(e.data, done)) {
				return events, false
			}
		default:
			if lines > 0 {
				events = append(events, e)
			}
			e, pending, lines = event{}, false, 0
		}
	}
	if lines == 1 && bytes.Equal(e.data, done) {
		return append(events, e), true // some leave the empty line away
	}
	return events, !pending
}

// appendLine adds the n-th line, counted from zero, to data.
func appendLine(data, line []byte, n int) []byte {
	switch n {
	case 0:
		return line[:len(line):len(line)] // what is appended must not overwrite the stream
	case 1:
		data = bytes.Clone(data)
	}
	return append(append(data, '\n'), line...)
}

// nextLine takes one line off the front of s; it ends with CR, LF or both.
func nextLine(s []byte) (line, rest []byte, ended bool) {
	i := bytes.IndexAny(s, "\r\n")
	if i < 0 {
		return s, nil, false
	}
	line, rest = s[:i], s[i+1:]
	if s[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest, true
}

// field splits a line into name and value; a comment has no name.
func field(line []byte) (name string, value []byte) {
	before, value, _ := bytes.Cut(line, []byte(":"))
	return string(before), bytes.TrimPrefix(value, []byte(" "))
}

// appendEvent writes an event; data has no line ends.
func appendEvent(stream []byte, name string, data []byte) []byte {
	if name != "" {
		stream = append(append(append(stream, "event: "...), name...), '\n')
	}
	stream = append(append(stream, "data: "...), data...)
	return append(stream, "\n\n"...)
}
