package balancer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

const (
	// maxHeldAnswer is the length up to which an answer that could be had again is read before it
	// is handed out, so that one that breaks off is repeated.
	maxHeldAnswer = 16 << 10
	firstPiece    = 4 << 10
)

// hold reads what must have come before the answer to a request that may be repeated is handed out:
// all of a short one, or the first bytes of an event stream if the caller opted in. After that
// nothing is repeated.
func (c *call) hold(resp *http.Response) error {
	if resp.StatusCode/100 != 2 || resp.Body == http.NoBody || c.req.Method == http.MethodHead {
		return nil
	}
	switch {
	case resp.ContentLength > 0 && resp.ContentLength <= maxHeldAnswer:
		return holdWhole(resp)
	case c.opted && isStream(resp.Header):
		return holdFirst(resp)
	}
	return nil
}

func holdWhole(resp *http.Response) error {
	length := int(resp.ContentLength)
	buf := make([]byte, length+1) // one more, to see the end and with it trailers
	n, err := io.ReadFull(resp.Body, buf)
	if n != length || !errors.Is(err, io.ErrUnexpectedEOF) {
		_ = resp.Body.Close() // it is broken
		if err == nil {
			err = errors.New("the answer is longer than it said")
		}
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(buf[:n]))
	return nil
}

func holdFirst(resp *http.Response) error {
	body, buf := resp.Body, make([]byte, firstPiece)
	for {
		n, err := body.Read(buf)
		if n > 0 || errors.Is(err, io.EOF) {
			resp.Body = &resumed{Reader: io.MultiReader(bytes.NewReader(buf[:n]), body), Closer: body}
			return nil
		}
		if err != nil {
			_ = body.Close() // it is broken
			return err
		}
	}
}

// resumed is a body of which the beginning was read already.
type resumed struct {
	io.Reader
	io.Closer
}
