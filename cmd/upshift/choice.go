package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

// choose gives a command such a flag, with the first word unless another is set by hand, and
// completes it. The name of the words stands in backquotes in help.
func choose(c *cobra.Command, value *string, name, preset, help string, allowed ...string) {
	*value = preset
	c.Flags().Var(&choice{value, allowed}, name, help+": "+strings.Join(allowed, ", ")+".")
	err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag was made one line above
	}
}

// String implements [pflag.Value].
func (c *choice) String() string { return *c.value }

// Type implements [pflag.Value].
func (c *choice) Type() string { return "string" }

// Set implements [pflag.Value].
func (c *choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return errors.New("must be one of " + strings.Join(c.allowed, ", "))
	}
	*c.value = text
	return nil
}
