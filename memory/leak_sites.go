package memory

import (
	"fmt"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

// libraries tells the program's own frames from those of the runtime and the standard
// library by where their files are.
type libraries struct {
	root string // of the standard library's files; "" in a program built with -trimpath
	main string // path of the main module
}

func newLibraries() libraries {
	known := runtime.FuncForPC(reflect.ValueOf(strings.Clone).Pointer())
	file, _ := known.FileLine(known.Entry())
	l := libraries{root: strings.TrimSuffix(file, "strings/clone.go")}
	if info, ok := debug.ReadBuildInfo(); ok {
		l.main = info.Main.Path
	}
	return l
}

// standard tells whether a frame is not the program's own. In a trimmed build files are named by
// import path, and those of the standard library have no dot in the first element.
func (l libraries) standard(function, file string) bool {
	if l.root != "" {
		return strings.HasPrefix(file, l.root)
	}
	if l.main != "" && strings.HasPrefix(file, l.main+"/") {
		return false
	}
	first, _, _ := strings.Cut(file, "/")
	return !strings.Contains(first, ".") && path.Dir(file) == packageOf(function)
}

// packageOf returns the import path in the full name of a function.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	name, _, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + name
}

// isRuntime tells whether a function is the runtime's own.
func isRuntime(function string) bool {
	return strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "internal/runtime/")
}

// site names the place that a stack, innermost first, stands for: its innermost frame that is
// the program's own. Without one it is the innermost of the standard library, or for a
// goroutine the outermost, which says what it is for.
func (l libraries) site(kind string, pcs []uintptr) string {
	fallback := "runtime"
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "" || isRuntime(f.Function):
		case !l.standard(f.Function, f.File):
			return siteText(f)
		case fallback == "runtime" || kind == LeakGoroutine:
			fallback = siteText(f)
		}
		if !more {
			return fallback
		}
	}
}

func siteText(f runtime.Frame) string {
	return fmt.Sprintf("%s %s:%d", f.Function, path.Base(f.File), f.Line)
}

// stackText writes a stack out without the runtime's frames, innermost first.
func stackText(pcs []uintptr) []string {
	lines := []string{}
	if len(pcs) == 0 {
		return lines
	}
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if f.Function != "" && !isRuntime(f.Function) {
			lines = append(lines, fmt.Sprintf("%s %s:%d", f.Function, f.File, f.Line))
		}
		if !more {
			return lines
		}
	}
}
