package balancer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// GRPCHealthCheck is the health_check_path that asks grpc.health.v1.Health; with a colon and a
// name behind it, for that service alone.
const GRPCHealthCheck = "grpc"

const (
	grpcCheckMethod = "/grpc.health.v1.Health/Check"
	maxServiceName  = 1024
	grpcPrefixBytes = 5 // one flag, four of the length
)

// goodGRPCCheck reports whether a health_check_path is one of gRPC.
func goodGRPCCheck(p string) bool {
	service, ok := grpcService(p)
	return ok && len(service) <= maxServiceName &&
		strings.IndexFunc(service, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// grpcService returns the service that a health_check_path names; ok means that it is one of gRPC.
func grpcService(p string) (service string, ok bool) {
	if p == GRPCHealthCheck {
		return "", true
	}
	return strings.CutPrefix(p, GRPCHealthCheck+":")
}

// checkGRPC asks the health service of gRPC once; the answer is empty when the server serves. The
// two messages have a field each, so they are written and read here rather than by a gRPC library.
func (p *Pool) checkGRPC(ctx context.Context, s *Server, service string) (problem string) {
	set := s.settings.Load()
	if set.target.Scheme == "http" && !set.h2c {
		return "grpc health check: needs HTTP/2: set the server's url to h2c:// or https://"
	}
	u := *set.target
	u.Path, u.RawPath = grpcCheckMethod, "" // gRPC has no base paths
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(healthRequest(service)))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("User-Agent", "upshift-health-check")
	resp, err := p.transportOf(set).RoundTrip(req)
	if err != nil {
		return "grpc health check: " + err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCheckBody))
	if err != nil {
		return "grpc health check: read answer: " + err.Error()
	}
	s.reported(p.now(), resp.Header)
	if err := servingIn(resp, body); err != nil {
		return "grpc health check: " + err.Error()
	}
	return ""
}

// healthRequest is a HealthCheckRequest, whose field 1 is the service, in a frame of gRPC.
func healthRequest(service string) []byte {
	message := []byte{}
	if service != "" {
		message = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(frame, message...)
}

// servingIn returns why an answer does not say that the server serves.
func servingIn(resp *http.Response, body []byte) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	status := resp.Trailer.Get("Grpc-Status")
	message := resp.Trailer.Get("Grpc-Message")
	if status == "" { // an answer of headers alone
		status, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	switch status {
	case "0":
	case "":
		return errors.New("the answer has no grpc-status; is this a gRPC server?")
	case "12":
		return errors.New("the server does not implement grpc.health.v1.Health")
	default:
		return fmt.Errorf("grpc-status %s %.100s", clip(status), message)
	}
	state, err := healthState(body)
	switch {
	case err != nil:
		return err
	case state == 1:
		return nil
	case state == 2:
		return errors.New("not serving")
	}
	return fmt.Errorf("status %d instead of SERVING", state)
}

func clip(s string) string { return s[:min(len(s), 8)] }

var errHealthAnswer = errors.New("the answer is no HealthCheckResponse")

// healthState reads field 1, the status, of the HealthCheckResponse in a frame of gRPC. Other fields
// are passed over.
func healthState(frame []byte) (uint64, error) {
	if len(frame) < grpcPrefixBytes || frame[0] != 0 {
		return 0, errHealthAnswer
	}
	message := frame[grpcPrefixBytes:]
	if uint64(binary.BigEndian.Uint32(frame[1:])) != uint64(len(message)) {
		return 0, errHealthAnswer
	}
	state := uint64(0)
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return 0, errHealthAnswer
		}
		message = message[n:]
		value, n := binary.Uvarint(message) // of a varint, or the length of what is passed over
		if n <= 0 {
			return 0, errHealthAnswer
		}
		message = message[n:]
		switch key & 7 {
		case 0:
			if key>>3 == 1 {
				state = value
			}
		case 2:
			if value > uint64(len(message)) {
				return 0, errHealthAnswer
			}
			message = message[value:]
		default:
			return 0, errHealthAnswer
		}
	}
	return state, nil
}
