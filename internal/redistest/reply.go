package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxBulk bounds a value that is read.
const maxBulk = 64 << 20

// readReply reads a simple string, an error, an integer or a bulk string. A missing value is "".
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the reply: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("empty reply")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", errors.New(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n > maxBulk {
			return "", fmt.Errorf("reply of length %q", rest)
		}
		if n < 0 {
			return "", nil
		}
		value := make([]byte, n)
		if _, err := io.ReadFull(r, value); err != nil {
			return "", fmt.Errorf("read the reply: %w", err)
		}
		return string(value), nil
	}
	return "", fmt.Errorf("reply of unknown kind %q", line)
}
