package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. The YAML parser takes time that grows with the square of the number
// of tokens, and stack that grows with the depth.
const (
	maxFileBytes = 1 << 20
	maxTokens    = 50_000
	maxFlowDepth = 32
)

// file applies a YAML file.
func (l *loader) file(path string) {
	text, err := readFile(path)
	if err != nil {
		l.faults.add(path, "", err.Error())
		return
	}
	l.yaml(path, text)
}

// yaml applies the text of a YAML file.
func (l *loader) yaml(path string, text []byte) {
	n, fault := parseYAML(text)
	if fault != nil {
		l.faults.add(lineIn(path, fault.line), "", fault.problem)
		return
	}
	if n == nil {
		return
	}
	l.node(l.root, n, place{origin: func(line int) string { return lineIn(path, line) }, line: lineOf(n)})
}

func lineIn(path string, line int) string {
	if line <= 0 {
		return path
	}
	return path + ":" + strconv.Itoa(line)
}

// readFile reads a text file within its bound. The error names no path.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, readFault(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a directory; name the file in it")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, readFault(err)
	case len(text) > maxFileBytes:
		return nil, errors.New("is larger than 1 MiB; is this a configuration file?")
	case bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text):
		return nil, errors.New("is not UTF-8 text; save it as UTF-8")
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

func readFault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file; make it or name another with --config")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("may not be read by this user; change its owner or mode")
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// yamlFault is what is wrong with a YAML text and in which line; 0 is none.
type yamlFault struct {
	line    int
	problem string
}

// parseYAML parses one YAML document; the node is nil when it is empty. It survives
// every input.
func parseYAML(text []byte) (n ast.Node, fault *yamlFault) {
	defer func() {
		if r := recover(); r != nil { // the parser's own fault, seen on broken input only
			n, fault = nil, &yamlFault{problem: "is not YAML that can be read; compare it with the documented form"}
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if fault := bounded(tokens); fault != nil {
		return nil, fault
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(err)
	}
	return onlyDocument(file)
}

// bounded refuses what would take the parser too long or too deep.
func bounded(tokens token.Tokens) *yamlFault {
	if len(tokens) > maxTokens {
		return &yamlFault{problem: fmt.Sprintf("holds more than %d words and signs; is this a configuration file?", maxTokens)}
	}
	flow, stacked, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			stacked, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType, token.MappingValueType:
			stacked++
		}
		if flow > maxFlowDepth || flow == 0 && stacked > maxFlowDepth {
			return &yamlFault{line: line, problem: "is nested too deeply; a configuration is a few levels deep"}
		}
	}
	return nil
}

// onlyDocument returns the content of the one document of a file.
func onlyDocument(file *ast.File) (ast.Node, *yamlFault) {
	var body ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			return nil, &yamlFault{line: lineOf(doc.Body), problem: "begins a second document; keep one"}
		}
		body = doc.Body
	}
	return body, nil
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// syntaxFault turns a parser's error into one line with a remedy.
func syntaxFault(err error) *yamlFault {
	syntax, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		return &yamlFault{problem: "is not valid YAML: " + clip(err.Error())}
	}
	fault := &yamlFault{}
	column := ""
	if t := syntax.Token; t != nil && t.Position != nil {
		fault.line, column = t.Position.Line, ", column "+strconv.Itoa(t.Position.Column)
	}
	fault.problem = "is not valid YAML: " + clip(syntax.Message) + column + "; " + remedy(syntax.Message)
	return fault
}

// remedy says what to do about a parser's message.
func remedy(message string) string {
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, "cannot start any token"):
		return "indent with spaces"
	case strings.Contains(message, "reserved character"), strings.Contains(message, "directive"):
		return "put the value in quotes"
	case strings.Contains(message, "end character"):
		return "close the quotes"
	case strings.Contains(message, "end token"):
		return "close the bracket"
	case strings.Contains(message, "mapping value is not allowed"):
		return "align the keys, or put a value that holds a colon in quotes"
	case strings.Contains(message, "escape"):
		return "use single quotes or write \\\\"
	}
	return "correct it there"
}
