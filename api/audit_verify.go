package api

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// VerifyAudit reads audit logs, oldest first, as one chain and returns the number of
// records. The error names the line at which the chain is broken. Lines removed from the
// very end leave no trace in the chain: compare the last hash with a copy kept elsewhere.
func VerifyAudit(logs ...io.Reader) (int, error) {
	v := &verifier{}
	for _, log := range logs {
		v.line = 0
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, maxAuditLine)
		for lines.Scan() {
			v.line++
			if err := v.check(lines.Bytes()); err != nil {
				return v.records, fmt.Errorf("audit log line %d: %w", v.line, err)
			}
		}
		if err := lines.Err(); err != nil {
			return v.records, fmt.Errorf("audit log after line %d: %w", v.line, err)
		}
	}
	if v.torn != "" {
		return v.records, errors.New("audit log: the last line is no record")
	}
	return v.records, nil
}

type verifier struct {
	line, records int
	started       bool
	seq           uint64
	last          string
	torn          string // digest of a line that is no record
}

func (v *verifier) check(line []byte) error {
	var r AuditRecord
	if err := json.Unmarshal(line, &r); err != nil {
		if v.torn != "" {
			return errors.New("no record")
		}
		sum := sha256.Sum256(line)
		v.torn = hex.EncodeToString(sum[:])
		return nil
	}
	canonical, err := json.Marshal(r)
	if err != nil {
		return err
	}
	switch {
	case v.torn != "" && (r.Phase != PhaseRecovered || r.Note != v.torn):
		return errors.New("the line before is no record and was not cut off by a crash")
	case r.Hash != r.seal() || !bytes.Equal(canonical, line):
		return fmt.Errorf("record %d was changed", r.Seq)
	case v.started && (r.Prev != v.last || r.Seq != v.seq+1):
		return fmt.Errorf("record %d does not follow record %d", r.Seq, v.seq)
	}
	v.torn, v.started, v.seq, v.last = "", true, r.Seq, r.Hash
	v.records++
	return nil
}
