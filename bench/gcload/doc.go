// Package gcload is a program with a fixed amount of work for the garbage collector: trees
// full of pointers, of which a given number of bytes stays in use while they are replaced, and as
// many bytes of buffers that are dropped at once. It runs in a child process of a measurement, under one way to set the collector, and tells what that cost.
package gcload
