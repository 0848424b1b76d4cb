package api

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Errors of [Tokens].
var (
	ErrUnknownToken = errors.New("api: no such token")
	ErrTokenName    = errors.New("api: a token needs a name of 1 to 64 printable characters")
	ErrTokenExpiry  = errors.New("api: a token must expire in the future")
	ErrTooManyToken = fmt.Errorf("api: there are %d tokens already; revoke some", maxTokens)
	ErrTokenFixed   = errors.New("api: this token is api.token of the configuration; change it there")
	// ErrRunning is returned by [OpenTokens] while a server holds the state file.
	ErrRunning = errors.New("api: a server is running on this data directory; ask it through its socket instead")
)

const (
	tokenBucket  = "api/tokens/v1" //nolint:gosec // the name of a bucket
	firstTokenID = "first-start"
	configID     = "api.token"
)

// Tokens are the tokens of one data directory. Only digests are stored. A revoked token
// is refused from the next request on. Safe for concurrent use.
type Tokens struct {
	db     *bbolt.DB // nil: kept in memory only
	owned  bool
	mu     sync.RWMutex // guards the fields below
	tokens map[string]*storedToken
	used   map[string]bool // whose LastUsed is not stored yet
}

type storedToken struct {
	Token
	Digest []byte `json:"sha256"`
}

// NewToken is what a token is made from.
type NewToken struct {
	Name    string
	Role    Role
	Expires time.Time // zero: never
}

// OpenTokens opens the tokens of a data directory while no server runs on it; with one
// running it returns [ErrRunning] after a second. The directory is made if need be.
func OpenTokens(dataDir string) (*Tokens, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	db, err := bbolt.Open(filepath.Join(dataDir, "state.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("open the state of %s: %w", dataDir, err)
	}
	t, err := loadTokens(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t.owned = true
	return t, nil
}

func loadTokens(db *bbolt.DB) (*Tokens, error) {
	t := &Tokens{db: db, tokens: map[string]*storedToken{}, used: map[string]bool{}}
	if db == nil {
		return t, nil
	}
	err := db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(tokenBucket))
		if err != nil {
			return err
		}
		return b.ForEach(func(id, value []byte) error {
			var s storedToken
			if err := json.Unmarshal(value, &s); err != nil {
				return fmt.Errorf("token %q: %w", id, err)
			}
			t.tokens[s.ID] = &s
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load tokens: %w", err)
	}
	return t, nil
}

// Create makes a token and returns it with its secret, which is shown this once.
func (t *Tokens) Create(spec NewToken) (Token, string, error) {
	name := strings.TrimSpace(spec.Name)
	bad := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd })
	switch {
	case name == "" || len(name) > maxTokenName || bad:
		return Token{}, "", ErrTokenName
	case spec.Role < Viewer || spec.Role > Admin:
		return Token{}, "", fmt.Errorf("api: role: must be viewer, operator or admin (got %q)", spec.Role)
	case !spec.Expires.IsZero() && !spec.Expires.After(time.Now()):
		return Token{}, "", ErrTokenExpiry
	}
	return t.create(newID(), name, spec)
}

func (t *Tokens) create(id, name string, spec NewToken) (Token, string, error) {
	secret := newSecret()
	s := &storedToken{Token: Token{
		ID: id, Name: name, Role: spec.Role,
		Created: time.Now().UTC().Truncate(time.Second), Expires: spec.Expires.UTC(),
	}, Digest: digestOf(secret)}
	if spec.Expires.IsZero() {
		s.Expires = time.Time{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tokens) >= maxTokens {
		return Token{}, "", ErrTooManyToken
	}
	if err := t.store(s); err != nil {
		return Token{}, "", err
	}
	t.tokens[id] = s
	return s.Token, secret, nil
}

// fix takes secret as the admin token of the configuration, in place of the one made at
// the first start. It is never stored.
func (t *Tokens) fix(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tokens, firstTokenID)
	t.tokens[configID] = &storedToken{
		Token:  Token{ID: configID, Name: configID, Role: Admin, Created: time.Now().UTC().Truncate(time.Second)},
		Digest: digestOf(secret),
	}
}

// List returns the tokens, oldest first, expired ones too.
func (t *Tokens) List() []Token {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]Token, 0, len(t.tokens))
	for _, s := range t.tokens {
		list = append(list, s.Token)
	}
	slices.SortFunc(list, func(a, b Token) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Revoke ends the token with this id, and every login made with it.
func (t *Tokens) Revoke(id string) error {
	if id == configID {
		return ErrTokenFixed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tokens[id] == nil {
		return fmt.Errorf("%w: %q", ErrUnknownToken, id)
	}
	if t.db != nil {
		err := t.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tokenBucket)).Delete([]byte(id)) })
		if err != nil {
			return fmt.Errorf("revoke token %q: %w", id, err)
		}
	}
	delete(t.tokens, id)
	delete(t.used, id)
	return nil
}

// Close stores what is pending and closes what [OpenTokens] opened. It is idempotent.
func (t *Tokens) Close() error {
	err := t.flush()
	if !t.owned {
		return err
	}
	t.owned = false
	return errors.Join(err, t.db.Close())
}

// authenticate returns the token whose secret this is. Every digest is compared, in
// constant time, whether or not one has matched already.
func (t *Tokens) authenticate(secret string, now time.Time) (Token, bool) {
	if secret == "" || len(secret) > maxSecretSize {
		return Token{}, false
	}
	digest := digestOf(secret)
	t.mu.RLock()
	var found *storedToken
	for _, s := range t.tokens {
		if subtle.ConstantTimeCompare(s.Digest, digest) == 1 {
			found = s
		}
	}
	t.mu.RUnlock()
	if found == nil {
		return Token{}, false
	}
	return t.lookup(found.ID, now)
}

// lookup returns a token by its id when it is in force, and notes its use.
func (t *Tokens) lookup(id string, now time.Time) (Token, bool) {
	t.mu.RLock()
	s := t.tokens[id]
	fresh := s != nil && now.Sub(s.LastUsed) < time.Minute
	var tok Token
	if s != nil {
		tok = s.Token
	}
	t.mu.RUnlock()
	if s == nil || tok.expired(now) {
		return Token{}, false
	}
	if !fresh {
		t.mu.Lock()
		if s := t.tokens[id]; s != nil {
			s.LastUsed = now.UTC().Truncate(time.Second)
			t.used[id] = true
		}
		t.mu.Unlock()
	}
	return tok, true
}

// flush stores when tokens were last used.
func (t *Tokens) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.used {
		if s := t.tokens[id]; s != nil && id != configID {
			if err := t.store(s); err != nil {
				return err
			}
		}
		delete(t.used, id)
	}
	return nil
}

// store writes one token. The caller holds mu.
func (t *Tokens) store(s *storedToken) error {
	if t.db == nil {
		return nil
	}
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("store token %q: %w", s.ID, err)
	}
	err = t.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(tokenBucket)).Put([]byte(s.ID), value)
	})
	if err != nil {
		return fmt.Errorf("store token %q: %w", s.ID, err)
	}
	return nil
}

// firstStart makes the admin token of a data directory in which nobody has one yet. Until
// [Tokens.settle], each start makes it anew: a start that failed showed it to nobody.
func (t *Tokens) firstStart() (secret string, err error) {
	first := true
	if t.db != nil {
		err = t.db.View(func(tx *bbolt.Tx) error {
			first = tx.Bucket([]byte(tokenBucket)).Sequence() == 0
			return nil
		})
	}
	others := slices.ContainsFunc(t.List(), func(tok Token) bool { return tok.ID != firstTokenID })
	if err != nil || !first || others {
		return "", err
	}
	_, secret, err = t.create(firstTokenID, "admin", NewToken{Role: Admin})
	return secret, err
}

// settle keeps the token of the first start from here on.
func (t *Tokens) settle() error {
	if t.db == nil {
		return nil
	}
	return t.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(tokenBucket)).SetSequence(1) })
}
