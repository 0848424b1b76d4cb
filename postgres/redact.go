package postgres

import (
	"net/url"
	"regexp"
	"strings"
)

// hidden stands for a secret.
const hidden = "***"

// shortSecret is the length below which a secret is replaced as a whole word only, so that
// a password "a" does not turn every text into stars.
const shortSecret = 4

// redactor takes the secrets of a connection out of texts. Nothing that came from a driver
// or a server is shown or logged without passing through it.
type redactor struct {
	words    *strings.Replacer
	patterns []*regexp.Regexp
}

// secretShapes are passwords inside URLs and key=value strings, known or not. The first
// group is kept.
var secretShapes = []*regexp.Regexp{
	regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^/?#\s:@]*:)[^\s]*(?:@)`),
	regexp.MustCompile(`(?i)((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)`),
}

// newRedactor returns a redactor of the connection string raw and of the passwords found in
// it; empty ones are left out.
func newRedactor(raw string, passwords ...string) redactor {
	pairs := []string{}
	if raw != "" {
		pairs = append(pairs, raw, hidden)
	}
	r := redactor{}
	for _, p := range passwords {
		switch {
		case p == "":
		case len(p) < shortSecret:
			r.patterns = append(r.patterns, regexp.MustCompile(`()\b`+regexp.QuoteMeta(p)+`\b`))
		default:
			pairs = append(pairs, p, hidden)
			for _, escaped := range []string{url.QueryEscape(p), url.PathEscape(p)} {
				if escaped != p {
					pairs = append(pairs, escaped, hidden)
				}
			}
		}
	}
	r.words = strings.NewReplacer(pairs...)
	r.patterns = append(r.patterns, secretShapes...)
	return r
}

// clean returns text without the secrets, on one line.
func (r redactor) clean(text string) string {
	text = strings.Join(strings.Fields(r.words.Replace(text)), " ")
	for i, p := range r.patterns {
		keep := "${1}" + hidden
		if p == secretShapes[0] {
			keep += "@"
		}
		text = r.patterns[i].ReplaceAllString(text, keep)
	}
	return text
}

// redacted is an error whose text has no secrets; what it wraps can be asked, not read.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// wrap returns err with its text cleaned; nil stays nil.
func (r redactor) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{text: r.clean(err.Error()), err: err}
}
