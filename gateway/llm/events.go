package llm

import "bytes"

// events takes an event stream apart as it passes, in pieces of any size, and keeps none of it: the
// data of each event goes on to the consumer piece by piece.
type events struct {
	data func(piece []byte) // of the event under way
	end  func()             // of an event that had data

	field   []byte // name of the field whose line is being read
	reading bool   // the value of a line of data
	space   bool   // the space after the colon may come
	skip    bool   // the rest of the line is of no interest
	had     bool   // the event has data
	cr      bool   // the last line ended with CR
	begun   bool   // the line has something
}

// maxField is longer than the names of all fields.
const maxField = 8

func (e *events) write(p []byte) {
	for len(p) > 0 {
		if e.cr { // CRLF is one end
			e.cr = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		if e.skip || e.reading && !e.space {
			p = e.rest(p)
			continue
		}
		e.step(p[0])
		p = p[1:]
	}
}

// rest reads up to the end of the line, or of p.
func (e *events) rest(p []byte) []byte {
	i := bytes.IndexAny(p, "\r\n")
	if i < 0 {
		i = len(p)
	}
	if e.reading && i > 0 {
		e.data(p[:i])
	}
	if i == len(p) {
		return nil
	}
	e.endLine(p[i])
	return p[i+1:]
}

// step reads one byte of a field's name, or what follows its colon.
func (e *events) step(c byte) {
	switch {
	case c == '\r' || c == '\n':
		e.endLine(c)
	case e.space:
		e.space = false
		if c != ' ' {
			e.data([]byte{c})
		}
	case c == ':':
		e.begun = true
		if string(e.field) != "data" {
			e.skip = true
			return
		}
		e.reading, e.space = true, true
		if e.had {
			e.data(lineFeed)
		}
		e.had = true
	default:
		e.begun = true
		if e.field = append(e.field, c); len(e.field) > maxField {
			e.skip = true
		}
	}
}

var lineFeed = []byte{'\n'}

func (e *events) endLine(c byte) {
	e.cr = c == '\r'
	blank := !e.begun
	e.field, e.reading, e.space, e.skip, e.begun = e.field[:0], false, false, false, false
	if blank && e.had {
		e.had = false
		e.end()
	}
}

// finish ends what the end of the stream ends: some leave the last empty line away.
func (e *events) finish() {
	if e.had {
		e.had = false
		e.end()
	}
}
