package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes of every command.
const (
	exitFine      = 0
	exitFault     = 1
	exitUsage     = 2
	exitUnhealthy = 3
)

// usageError is a fault of how a command was called or configured.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// unhealthyError says that what was looked at is not well.
type unhealthyError struct{ error }

func (e unhealthyError) Unwrap() error { return e.error }

// execute is the whole program; it returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := newRoot(a)
	root.SetArgs(args)
	return a.report(root.ExecuteContext(context.Background()))
}

// newRoot is the command line.
func newRoot(a *app) *cobra.Command {
	cobra.EnableCommandSorting = false
	root := a.group("upshift", "The performance layer for multi-agent RAG systems: see where time goes, fix what is safe, prove it."+
		" Commands end with 0 when all is well, 1 after a fault, 2 when used wrongly, 3 when unhealthy.",
		newServe(a), newDemo(a), newStatus(a), newProfile(a), newReplay(a), newConfig(a), newToken(a), newVersion(a))
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetUsageFunc(printUsage)
	root.SetHelpFunc(printHelp)
	root.SetFlagErrorFunc(misusedFlag)
	root.SetHelpCommand(&cobra.Command{Hidden: true}) // there is --help
	root.CompletionOptions.DisableDescriptions = true
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		c.Short, c.Long = "Print the completion script of a shell.", ""
		c.Args, c.RunE = misusedGroup, nothing
	}
	f := root.PersistentFlags()
	f.BoolP("help", "h", false, "Show this help.")
	f.StringVarP(&a.File, "config", "c", "", "Configuration `FILE`. Without it ./upshift.yaml, when there is one.")
	f.StringArrayVar(&a.Set, "set", nil,
		"Set one value: `KEY=VALUE`, such as cache.max_size=500; may be repeated. Wins over file and environment.")
	f.StringVar(&a.DataDir, "data-dir", "",
		"`DIR` of metrics, tokens and the audit log: short for --set data_dir=DIR.")
	return root
}

// group is a command of commands.
func (a *app) group(name, help string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: help, Args: misusedGroup, RunE: nothing}
	c.AddCommand(commands...)
	return c
}

// nothing is what a command of commands does: its arguments are never right.
func nothing(*cobra.Command, []string) error { return nil }

// misusedGroup says what can stand where no command, or an unknown one, was.
func misusedGroup(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misusedArgument(c, args[0])
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return misused(c, "expected one of %s", strings.Join(names, ", "))
}

func misusedArgument(c *cobra.Command, arg string) error {
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(arg); len(near) > 0 {
		return misused(c, "unexpected argument %s, did you mean %q?", arg, near[0])
	}
	return misused(c, "unexpected argument %s", arg)
}

// argument is what a command is given in its place.
type argument struct {
	name, help string
	value      *string
}

// command is a command that runs with its arguments, all of them required.
func (a *app) command(name, help string, do func(context.Context, *app) error, arguments ...argument) *cobra.Command {
	c := &cobra.Command{
		Use: name, Short: help, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error { return do(c.Context(), a) },
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > len(arguments) {
			return misusedArgument(c, args[len(arguments)])
		}
		for i, arg := range arguments {
			if i >= len(args) {
				return misused(c, "expected <%s>", arg.name)
			}
			*arg.value = args[i]
		}
		return nil
	}
	for _, arg := range arguments {
		c.Use += " <" + arg.name + ">"
		c.Long += fmt.Sprintf("\n  <%s>  %s", arg.name, arg.help)
	}
	if c.Long != "" {
		c.Long = help + "\n\nArguments:" + c.Long
	}
	return c
}

// misused is a usage error with where to read on.
func misused(c *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf(format+"; see "+c.CommandPath()+" --help", args...)}
}

// misusedFlag adds to an error of a flag what may have been meant.
func misusedFlag(c *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return misused(c, "%w", err)
	}
	name := unknown.GetSpecifiedName()
	flags := &cobra.Command{}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	flags.SuggestionsMinimumDistance = 2
	if near := flags.SuggestionsFor(name); len(near) > 0 {
		return misused(c, "unknown flag --%s, did you mean \"--%s\"?", name, near[0])
	}
	return misused(c, "%w", err)
}

// report prints an error, one line for each fault, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitFine
	}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(a.stderr, "upshift: "+line)
		}
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[unhealthyError](err); ok {
		return exitUnhealthy
	}
	return exitFault
}
