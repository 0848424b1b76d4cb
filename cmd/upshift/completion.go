package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd is upshift completion.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// scripts ask the program itself what can stand next, so they never go stale.
var scripts = map[string]string{
	"bash": `# upshift in bash: source <(upshift completion bash)
_upshift() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(upshift complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _upshift upshift
`,
	"zsh": `#compdef upshift
# upshift in zsh: source <(upshift completion zsh)
_upshift() {
  local -a words_next
  words_next=(${(f)"$(upshift complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( ${#words_next} )); then compadd -- $words_next; else _files; fi
}
compdef _upshift upshift
`,
	"fish": `# upshift in fish: upshift completion fish | source
function __upshift_next
  upshift complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c upshift -a '(__upshift_next)'
`,
}

// Run prints the script.
func (c *completionCmd) Run(a *app) error {
	_, err := fmt.Fprint(a.stdout, scripts[c.Shell])
	return err
}

// completeCmd lists what can stand in the place of the last of its words.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// Run prints one word a line; nothing where a file or a free word is wanted.
func (c *completeCmd) Run(a *app) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range candidates(a.kong.Model.Node, words) {
		if _, err := fmt.Fprintln(a.stdout, w); err != nil {
			return err
		}
	}
	return nil
}

// candidates walks the grammar along words and lists what can replace the last one.
func candidates(node *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	var open *kong.Flag // a flag that waits for its value
	arguments := 0
	for _, w := range before {
		switch {
		case open != nil:
			open = nil
		case strings.HasPrefix(w, "-"):
			open = opens(node, w)
		default:
			next := child(node, w)
			if next == nil {
				arguments++
				continue
			}
			node, arguments = next, 0
		}
	}
	var all []string
	switch {
	case open != nil:
		all = open.EnumSlice()
	case strings.HasPrefix(last, "-"):
		all = flagNames(node)
	case len(node.Positional) > arguments:
		all = node.Positional[arguments].EnumSlice()
	default:
		all = childNames(node)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" || !strings.HasPrefix(s, last) })
}

// opens returns the flag that the word names when its value is the next word.
func opens(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			named := word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)
			if named && !f.IsBool() {
				return f
			}
		}
	}
	return nil
}

func flagNames(node *kong.Node) []string {
	var names []string
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			names = append(names, "--"+f.Name)
		}
	}
	slices.Sort(names)
	return names
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func childNames(node *kong.Node) []string {
	var names []string
	for _, c := range node.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}
