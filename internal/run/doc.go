// Package run starts parts in order, keeps them running and stops them in reverse.
//
// A [Part] is anything with up to three verbs: Open (acquire what can fail), Run
// (block until the context ends) and Close (release). A [Group] opens its parts
// from the ground floor up; a part that cannot open names itself and everything
// already open is closed again. A part whose Run ends with an error, or panics, is
// restarted with back-off and its state says so, while the others go on. A [Loop]
// is a Part that does one thing at an interval.
//
// The package owns no policy: what a part is, and which floor it stands on, is the
// caller's.
package run
