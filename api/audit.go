package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	auditFile     = "audit.jsonl"
	auditKeep     = 4       // rotated files kept
	maxAuditLine  = 1 << 20 // far above any record
	auditTailSize = 1 << 20 // what GET /audit looks through
)

// The phases of an audit record.
const (
	// PhaseIntent is written, and on disk, before a changing action starts.
	PhaseIntent = "intent"
	// PhaseResult follows it with the status.
	PhaseResult = "result"
	// PhaseDenied is a call that was refused before it could act.
	PhaseDenied = "denied"
	// PhaseRecovered follows a line that a crash cut off; Note is that line's SHA-256.
	PhaseRecovered = "recovered"
)

// AuditRecord is one line of the audit log. Each carries the hash of the one before, so
// that a line cannot be changed, removed or put in without breaking the chain.
type AuditRecord struct {
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
	Phase string    `json:"phase" enum:"intent,result,denied,recovered"`
	// Request ties the intent and the result of one call together.
	Request string `json:"request,omitempty"`
	// Actor is the name of the token, TokenID its id; "local" came by the unix socket.
	Actor   string `json:"actor"`
	TokenID string `json:"token_id,omitempty"`
	Role    string `json:"role,omitempty"`
	IP      string `json:"ip,omitempty"`
	Method  string `json:"method,omitempty"`
	// Route is the pattern of the table, Path what was asked for.
	Route string `json:"route,omitempty"`
	Path  string `json:"path,omitempty"`
	// ParamsDigest is the SHA-256 of query and body, in hex.
	ParamsDigest string `json:"params_digest,omitempty"`
	// Status is the HTTP status of a result or a denial; 0 in an intent.
	Status int `json:"status,omitempty"`
	// Suppressed counts denials before this record that were too many to write down.
	Suppressed int    `json:"suppressed,omitempty"`
	Note       string `json:"note,omitempty"`
	Prev       string `json:"prev"`
	Hash       string `json:"hash"`
}

// seal computes the hash of a record: SHA-256 over its JSON with an empty Hash.
func (r AuditRecord) seal() string {
	r.Hash = ""
	line, err := json.Marshal(r)
	if err != nil {
		return "" // strings and numbers always marshal; "" never equals a stored hash
	}
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// auditLog appends records to <dir>/audit.jsonl, mode 0600.
type auditLog struct {
	dir      string
	maxBytes int64

	mu     sync.Mutex // guards the fields below
	file   *os.File
	size   int64
	seq    uint64
	last   string // hash of the last record
	closed bool
}

// openAudit opens the log and goes on with its chain. An unreadable log is no reason to
// refuse to start: reads go on, and each append tries again.
func openAudit(dir string, maxBytes int64) (*auditLog, error) {
	a := &auditLog{dir: dir, maxBytes: maxBytes}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a, a.open()
}

// open opens the file and finds the end of the chain. The caller holds mu.
func (a *auditLog) open() error {
	if a.closed {
		return errors.New("api: the audit log is closed")
	}
	if a.dir == "" {
		return errors.New("api: no data directory for the audit log")
	}
	f, err := os.OpenFile(filepath.Join(a.dir, auditFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	t, err := readTail(f)
	if err == nil && t.last == nil {
		t.last, err = a.lastRotated()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("read the audit log: %w", err), f.Close())
	}
	a.file, a.size = f, t.size
	if t.last != nil {
		a.seq, a.last = t.last.Seq, t.last.Hash
	}
	if !t.ended {
		if _, err := f.WriteString("\n"); err != nil {
			return a.broken(err)
		}
		a.size++
	}
	if t.torn == nil {
		return nil
	}
	// A crash cut the last line off. It stays as evidence on a line of its own.
	sum := sha256.Sum256(bytes.TrimSuffix(t.torn, []byte("\n")))
	return a.write(&AuditRecord{Phase: PhaseRecovered, Actor: "upshift", Note: hex.EncodeToString(sum[:])}, true)
}

// lastRotated returns the last record of the newest rotated file, nil if there is none.
func (a *auditLog) lastRotated() (*AuditRecord, error) {
	f, err := os.Open(a.rotated(1))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	t, err := readTail(f)
	return t.last, err
}

func (a *auditLog) rotated(n int) string {
	return filepath.Join(a.dir, fmt.Sprintf("audit.%d.jsonl", n))
}

// tail is the end of a log.
type tail struct {
	last  *AuditRecord // the last whole record, nil when there is none
	torn  []byte       // what follows it
	size  int64        // of the file
	ended bool         // by a newline, or empty
}

func readTail(f *os.File) (tail, error) {
	info, err := f.Stat()
	if err != nil {
		return tail{}, err
	}
	t := tail{size: info.Size(), ended: true}
	text := make([]byte, min(t.size, 2*maxAuditLine))
	if _, err := f.ReadAt(text, t.size-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return tail{}, err
	}
	if len(text) > 0 {
		t.ended = text[len(text)-1] == '\n'
	}
	for len(text) > 0 {
		line := text[bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n')+1:]
		var r AuditRecord
		if json.Unmarshal(line, &r) == nil && r.Hash != "" && r.Hash == r.seal() {
			t.last = &r
			return t, nil
		}
		t.torn = append(bytes.Clone(line), t.torn...)
		text = text[:len(text)-len(line)]
	}
	return t, nil
}

// append writes one record; with sync it is on disk when append returns nil.
func (a *auditLog) append(r AuditRecord, sync bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if a.size >= a.maxBytes {
		if err := a.rotate(); err != nil {
			return a.broken(err)
		}
	}
	return a.write(&r, sync)
}

// write seals and writes r. The caller holds mu.
func (a *auditLog) write(r *AuditRecord, sync bool) error {
	r.Seq, r.Time, r.Prev = a.seq+1, time.Now().UTC(), a.last
	r.Hash = r.seal()
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	n, err := a.file.Write(append(line, '\n'))
	a.size += int64(n)
	if err != nil {
		return a.broken(err)
	}
	a.seq, a.last = r.Seq, r.Hash
	if sync {
		if err := a.file.Sync(); err != nil {
			return a.broken(err)
		}
	}
	return nil
}

// broken closes the file, so that the next append opens it afresh and reads from disk
// where the chain ends. The caller holds mu.
func (a *auditLog) broken(err error) error {
	err = errors.Join(fmt.Errorf("write the audit log: %w", err), a.file.Close())
	a.file = nil
	return err
}

// rotate moves the files one on and begins a new one; the chain goes on in it. The
// caller holds mu.
func (a *auditLog) rotate() error {
	if err := a.file.Sync(); err != nil {
		return err
	}
	for n := auditKeep; n > 0; n-- {
		from := filepath.Join(a.dir, auditFile)
		if n > 1 {
			from = a.rotated(n - 1)
		}
		if err := os.Rename(from, a.rotated(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(a.dir, auditFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	old := a.file
	a.file, a.size = f, 0
	return old.Close()
}

// recent returns the last records, newest first, from the last MiB of the file.
func (a *auditLog) recent(limit int) ([]AuditRecord, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.Open(filepath.Join(a.dir, auditFile))
	if errors.Is(err, os.ErrNotExist) {
		return []AuditRecord{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(info.Size(), auditTailSize))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	records := []AuditRecord{}
	for len(records) < limit && len(tail) > 0 {
		tail = bytes.TrimSuffix(tail, []byte("\n"))
		i := bytes.LastIndexByte(tail, '\n')
		var r AuditRecord
		if json.Unmarshal(tail[i+1:], &r) == nil && r.Hash != "" {
			records = append(records, r)
		}
		tail = tail[:max(i, 0)]
	}
	return records, nil
}

// writable reports whether the last attempt to write went well.
func (a *auditLog) writable() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file != nil
}

func (a *auditLog) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.file == nil {
		return nil
	}
	err := errors.Join(a.file.Sync(), a.file.Close())
	a.file = nil
	return err
}
