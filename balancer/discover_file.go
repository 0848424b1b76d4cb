package balancer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// lookEvery is how often the file is looked at; it is read when it is another one. That also
	// sees files that are renamed into place and links that are turned to another one.
	lookEvery = 2 * time.Second
	maxFile   = 4 << 20
)

// fileSource is a file that lists servers.
type fileSource struct {
	path string
	last os.FileInfo // of what was read last, good or bad
	// What it listed, or what was wrong with it.
	servers []ServerConfig
	err     error
}

func (*fileSource) name() string { return "file" }

func (f *fileSource) find(context.Context) ([]ServerConfig, time.Duration, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		f.last = nil
		return nil, lookEvery, err
	}
	if f.last == nil || !os.SameFile(info, f.last) || !info.ModTime().Equal(f.last.ModTime()) || info.Size() != f.last.Size() {
		f.servers, f.err = readServers(f.path)
		f.last = info
	}
	return f.servers, lookEvery, f.err
}

func readServers(path string) ([]ServerConfig, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	servers, err := parseServers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return servers, nil
}

// parseServers reads {"servers": […]}, with no member that it does not know.
func parseServers(text []byte) ([]ServerConfig, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("must be at most %d bytes", maxFile)
	}
	var list struct {
		Servers []ServerConfig `json:"servers"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf(`must be {"servers": [{"id": …, "url": …}]}: %w`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("must end after the list")
	}
	return list.Servers, errors.Join(validateServers("", list.Servers)...)
}
