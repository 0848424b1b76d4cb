package llm

import "bytes"

const (
	// maxPath is how many levels of objects and lists have names; what is deeper is passed over.
	maxPath = 8
	// maxKey is the longest name of a member that is looked at.
	maxKey = 48
	// maxValue is the longest value that is kept.
	maxValue = 8 << 10
)

// wanted is a path whose value is looked for, such as choices.*.finish_reason, where * stands for
// the elements of a list.
type wanted struct {
	path string
	// measure says that only the length of a text, an object or a list is of interest, without what
	// is around it. Numbers and words are none.
	measure bool
}

// scanner reads JSON as it passes, in pieces of any size, and hands out the values at the paths it
// wants. It keeps no more than one of these values, and judges nothing: of what is not JSON it
// makes nothing or something, but never an error. Names with escapes in them are not recognised.
type scanner struct {
	wants []wanted
	// found is told the index of the path and the value as it stands, which is reused, or its
	// length. A value that is too long to be kept is nil.
	found func(i int, value []byte, size int)

	depth  int // open objects and lists
	skip   int // above 0: nothing of interest until the depth is below it
	frames [maxPath + 1]frame
	path   []byte

	inText, escaped bool
	word            bool   // a number or a word is being read
	key             []byte // being read, or just read
	keyDone, badKey bool
	asKey           bool // the text being read is a name

	taking int  // index of the value being taken, below 0: none
	bare   bool // it is a number or a word
	boxed  bool // it is an object or a list
	from   int  // depth at which it began
	value  []byte
	size   int
}

// frame is an open object or list.
type frame struct {
	list     bool
	wantsKey bool
	length   int // of the path before it
}

func newScanner(wants []wanted, found func(int, []byte, int)) *scanner {
	return &scanner{wants: wants, found: found, taking: -1}
}

// reset begins anew, keeping its room.
func (s *scanner) reset() {
	*s = scanner{
		wants: s.wants, found: s.found, taking: -1, path: s.path[:0], key: s.key[:0], value: s.value[:0],
	}
}

// write reads on.
func (s *scanner) write(p []byte) {
	for len(p) > 0 {
		switch {
		case s.inText:
			p = s.text(p)
			continue
		case s.skip > 0 && s.taking < 0:
			p = p[indexAny(p):]
			if len(p) == 0 {
				return
			}
		}
		s.step(p[0])
		p = p[1:]
	}
}

// text reads up to the end of a text, or of p.
func (s *scanner) text(p []byte) []byte {
	end := 0
	if s.escaped {
		s.escaped, end = false, 1
	}
	quote := index(p, end, '"')
	for {
		slash := bytes.IndexByte(p[end:quote], '\\')
		if slash < 0 {
			break
		}
		s.badKey = s.badKey || s.asKey
		end += slash + 2
		if end > len(p) {
			s.escaped = true
			s.keep(p)
			return nil
		}
		if end > quote {
			quote = index(p, end, '"')
		}
	}
	s.keep(p[:quote])
	if quote == len(p) {
		return nil
	}
	s.endText()
	return p[quote+1:]
}

// indexAny is where something is in p that counts while passing over, or the end of p.
func indexAny(p []byte) int {
	if i := bytes.IndexAny(p, `"{}[]`); i >= 0 {
		return i
	}
	return len(p)
}

// index is where c is in p from a place on, or the end of p.
func index(p []byte, from int, c byte) int {
	if i := bytes.IndexByte(p[from:], c); i >= 0 {
		return from + i
	}
	return len(p)
}

// keep notes a part of a text.
func (s *scanner) keep(p []byte) {
	switch {
	case s.asKey && (len(s.key)+len(p) > maxKey || bytes.ContainsAny(p, ".*")):
		s.badKey = true // what is wanted has no such name
	case s.asKey:
		s.key = append(s.key, p...)
	default:
		s.take(p)
	}
}

// take notes a part of the value being taken.
func (s *scanner) take(p []byte) {
	if s.taking < 0 {
		return
	}
	s.size += len(p)
	if !s.wants[s.taking].measure && s.size <= maxValue {
		s.value = append(s.value, p...)
	}
}

func (s *scanner) endText() {
	s.inText = false
	if s.asKey {
		s.asKey, s.keyDone = false, true
		return
	}
	if s.taking >= 0 && s.from != s.depth {
		s.take(quoteMark)
		return
	}
	if s.taking >= 0 {
		s.give()
	}
}

var quoteMark = []byte{'"'}

// step reads one byte outside of a text.
func (s *scanner) step(c byte) {
	switch c {
	case ' ', '\t', '\r', '\n':
		s.endBare()
		s.takeByte(c)
	case '"':
		s.beginText()
	case '{', '[':
		s.open(c)
	case '}', ']':
		s.shut(c)
	case ',':
		s.endBare()
		s.takeByte(c)
		if f := s.frame(); f != nil && s.skip == 0 && s.taking < 0 {
			f.wantsKey = !f.list
			s.path = s.path[:f.length]
		}
	case ':':
		s.takeByte(c)
		if f := s.frame(); f != nil && s.keyDone && s.skip == 0 && s.taking < 0 {
			f.wantsKey, s.keyDone = false, false
		}
	default:
		if !s.word && s.taking < 0 {
			s.begin()
			s.bare = s.taking >= 0
		}
		s.word = true
		s.takeByte(c)
		return
	}
	s.word = false
}

// takeByte notes a byte of a value that is being taken.
func (s *scanner) takeByte(c byte) {
	if s.taking < 0 {
		return
	}
	s.size++
	if !s.wants[s.taking].measure && s.size <= maxValue {
		s.value = append(s.value, c)
	}
}

// frame is the innermost open object or list, nil if it has no name.
func (s *scanner) frame() *frame {
	if s.depth < 1 || s.depth > maxPath {
		return nil
	}
	return &s.frames[s.depth]
}

func (s *scanner) beginText() {
	s.inText = true
	if f := s.frame(); f != nil && f.wantsKey && s.skip == 0 && s.taking < 0 {
		s.asKey, s.keyDone, s.badKey, s.key = true, false, false, s.key[:0]
		return
	}
	if s.taking < 0 {
		s.begin()
		return
	}
	s.takeByte('"')
}

// here puts the place of a value that begins at the end of the path, and says whether it has one.
func (s *scanner) here() bool {
	f := s.frame()
	switch {
	case s.skip > 0 || f == nil || !f.list && s.badKey:
		return false
	}
	s.path = s.path[:f.length]
	if len(s.path) > 0 {
		s.path = append(s.path, '.')
	}
	if f.list {
		s.path = append(s.path, '*')
	} else {
		s.path = append(s.path, s.key...)
	}
	return true
}

// begin takes the value that begins here if it is wanted.
func (s *scanner) begin() {
	if !s.here() {
		return
	}
	if i := s.wanted(); i >= 0 {
		s.taking, s.from, s.size, s.value = i, s.depth, 0, s.value[:0]
		s.bare, s.boxed = false, false
	}
}

func (s *scanner) wanted() int {
	for i := range s.wants {
		if string(s.path) == s.wants[i].path {
			return i
		}
	}
	return -1
}

// leads reports whether something that is wanted may be below the path.
func (s *scanner) leads() bool {
	n := len(s.path)
	for i := range s.wants {
		if w := s.wants[i].path; len(w) > n && w[n] == '.' && w[:n] == string(s.path) {
			return true
		}
	}
	return false
}

func (s *scanner) open(c byte) {
	if s.taking >= 0 || s.skip > 0 {
		s.takeByte(c)
		s.depth++
		return
	}
	if s.depth == 0 {
		s.path = s.path[:0]
	} else {
		switch {
		case !s.here():
			s.skip = s.depth + 1
		case s.leads():
		default:
			if s.begin(); s.taking < 0 {
				s.skip = s.depth + 1
			}
		}
	}
	s.depth++
	s.boxed = s.taking >= 0
	s.takeByte(c)
	if s.taking >= 0 || s.skip > 0 {
		return
	}
	if s.depth > maxPath {
		s.skip = s.depth
		return
	}
	s.frames[s.depth] = frame{list: c == '[', wantsKey: c == '{', length: len(s.path)}
}

func (s *scanner) shut(c byte) {
	s.endBare()
	s.takeByte(c)
	s.depth = max(s.depth-1, 0)
	if s.depth < s.skip {
		s.skip = 0
	}
	if s.taking >= 0 && s.depth == s.from {
		s.give()
	}
}

// endBare ends a number or a word.
func (s *scanner) endBare() {
	if s.taking >= 0 && s.bare {
		s.give()
	}
}

// give hands out the value that was taken.
func (s *scanner) give() {
	i, value, size, bare := s.taking, s.value, s.size, s.bare
	s.taking, s.bare = -1, false
	measure := s.wants[i].measure
	switch {
	case measure && bare:
		return
	case measure && s.boxed:
		value, size = nil, size-len("[]")
	case measure, size > maxValue:
		value = nil
	}
	s.found(i, value, size)
}
