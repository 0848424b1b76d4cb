package otlp

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers are those of opentelemetry/proto/trace/v1/trace.proto and common.proto. They are
// read by hand so that a hostile message costs no more than its own size.

// fields calls f with each field of a message: its bytes, or its number.
func fields(b []byte, f func(num protowire.Number, data []byte, number uint64) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errors.New("corrupt protobuf")
		}
		b = b[n:]
		var data []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return errors.New("corrupt protobuf")
		}
		b = b[n:]
		if err := f(num, data, number); err != nil {
			return err
		}
	}
	return nil
}

// readProtobuf reads an ExportTraceServiceRequest.
func readProtobuf(body []byte) (*batch, error) {
	b := &batch{}
	err := fields(body, func(num protowire.Number, data []byte, _ uint64) error {
		if num != 1 {
			return nil
		}
		return readResource(b, data)
	})
	if err != nil {
		return nil, fmt.Errorf("body: %w; it must be an ExportTraceServiceRequest", err)
	}
	return b, nil
}

// readResource reads a ResourceSpans, in which the resource may come after its spans.
func readResource(b *batch, data []byte) error {
	service := ""
	first := len(b.spans)
	err := fields(data, func(num protowire.Number, data []byte, _ uint64) error {
		switch num {
		case 1: // resource
			return fields(data, func(num protowire.Number, data []byte, _ uint64) error {
				if num != 1 {
					return nil
				}
				key, text, _, err := readAttribute(data)
				if key == "service.name" {
					service = clip(text)
				}
				return err
			})
		case 2: // scope_spans
			return fields(data, func(num protowire.Number, data []byte, _ uint64) error {
				if num != 2 {
					return nil
				}
				s, err := readSpan(data)
				if err == nil {
					b.add(s)
				}
				return err
			})
		}
		return nil
	})
	for i := first; i < len(b.spans); i++ {
		b.spans[i].service = service
	}
	return err
}

func readSpan(data []byte) (span, error) {
	var s span
	seen := 0
	err := fields(data, func(num protowire.Number, data []byte, number uint64) error {
		switch num {
		case 1:
			take(s.trace[:], data)
		case 2:
			take(s.id[:], data)
		case 4:
			take(s.parent[:], data)
		case 5:
			s.name = clip(string(data))
		case 7:
			s.start = int64(min(number, 1<<62))
		case 8:
			s.end = int64(min(number, 1<<62))
		case 9:
			if seen++; seen > maxAttributes {
				return nil
			}
			key, text, n, err := readAttribute(data)
			s.attribute(key, text, n)
			return err
		case 15:
			return fields(data, func(num protowire.Number, data []byte, number uint64) error {
				switch num {
				case 2:
					s.message = clip(string(data))
				case 3:
					s.failed = number == 2
				}
				return nil
			})
		}
		return nil
	})
	return s, err
}

// take copies an id; one of another length stays zero, which no id is.
func take(id, data []byte) {
	if len(data) == len(id) {
		copy(id, data)
	}
}

// readAttribute reads a KeyValue whose value is a text or a whole number.
func readAttribute(data []byte) (key, text string, number int64, err error) {
	err = fields(data, func(num protowire.Number, data []byte, _ uint64) error {
		switch num {
		case 1:
			key = string(data[:min(len(data), maxTextBytes)])
		case 2:
			return fields(data, func(num protowire.Number, data []byte, n uint64) error {
				switch num {
				case 1:
					text = string(data[:min(len(data), maxTextBytes)])
				case 3:
					number = int64(n)
				}
				return nil
			})
		}
		return nil
	})
	return key, text, number, err
}
