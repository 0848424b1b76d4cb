package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// The widths of help texts: of a terminal within bounds, and of the lower one elsewhere.
const (
	minWidth = 80
	maxWidth = 100
)

func helpWidth() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return minWidth
	}
	return min(max(width, minWidth), maxWidth)
}

// printHelp prints what a command does and how it is used.
func printHelp(c *cobra.Command, _ []string) {
	if err := printUsage(c); err != nil {
		c.PrintErrln(err)
	}
}

// printUsage prints the help text of a command.
func printUsage(c *cobra.Command) error {
	width := helpWidth()
	var b strings.Builder
	line := c.CommandPath()
	if c.HasAvailableSubCommands() {
		line += " <command>"
	}
	line += strings.TrimPrefix(c.Use, c.Name())
	about := c.Short
	if c.Long != "" {
		about = c.Long
	}
	fmt.Fprintf(&b, "Usage: %s [flags]\n\n%s\n", line, wrap(about, "", width))
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				first := fmt.Sprintf("  %-*s  ", c.Commands()[0].NamePadding(), sub.Name())
				b.WriteString(first + strings.TrimLeft(wrap(sub.Short, strings.Repeat(" ", len(first)), width), " ") + "\n")
			}
		}
	}
	section := func(title string, flags *pflag.FlagSet) {
		if flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", title, flags.FlagUsagesWrapped(width))
		}
	}
	if c.HasParent() {
		section("Flags", c.LocalFlags())
		section("Flags of every command", c.InheritedFlags())
	} else {
		section("Flags of every command", c.Flags())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nRun \"%s <command> --help\" for more information on a command.\n", c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// wrap breaks the lines of a text at width, each behind an indent.
func wrap(text, indent string, width int) string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		margin := indent + line[:len(line)-len(strings.TrimLeft(line, " "))]
		row := margin
		for _, word := range strings.Fields(line) {
			if len(row)+len(word) >= width && strings.TrimSpace(row) != "" {
				out = append(out, strings.TrimRight(row, " "))
				row = margin
			}
			row += word + " "
		}
		out = append(out, strings.TrimRight(row, " "))
	}
	return strings.Join(out, "\n")
}
