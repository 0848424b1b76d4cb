package api

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
	"time"
)

// The form of a token: prefix, 256 random bits and their CRC-32, both in base 62, so
// that secret scanners can tell a token from other text without asking us.
const (
	tokenPrefix   = "upshift_"
	secretDigits  = 43
	checkDigits   = 6
	tokenLength   = len(tokenPrefix) + secretDigits + checkDigits
	maxTokens     = 256
	maxTokenName  = 64
	maxSecretSize = 512
)

// Token describes a token; the secret itself is known only to its holder.
type Token struct {
	// ID names the token in the audit log and for revoking.
	ID string `json:"id"`
	// Name is what people call it.
	Name string `json:"name"`
	Role Role   `json:"role" enum:"viewer,operator,admin"`
	// Created, Expires and LastUsed are UTC; a zero Expires never comes. LastUsed is kept
	// to the minute.
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

func (t Token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// newSecret makes the text of a token.
func newSecret() string {
	var raw [32]byte
	rand.Read(raw[:])
	secret := base62(new(big.Int).SetBytes(raw[:]), secretDigits)
	return tokenPrefix + secret + checksum(secret)
}

// wellFormed reports whether text is a token of ours by its form and checksum.
func wellFormed(text string) bool {
	if len(text) != tokenLength || !strings.HasPrefix(text, tokenPrefix) {
		return false
	}
	secret := text[len(tokenPrefix) : len(tokenPrefix)+secretDigits]
	return checksum(secret) == text[len(tokenPrefix)+secretDigits:]
}

func checksum(secret string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(secret)))), checkDigits)
}

func base62(n *big.Int, width int) string {
	text := n.Text(62)
	return strings.Repeat("0", max(width-len(text), 0)) + text
}

// digestOf is what is kept of a secret. The secrets are random and long, so no slow hash
// is needed.
func digestOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// newID makes a short random name; it is no secret.
func newID() string {
	var raw [6]byte
	rand.Read(raw[:])
	return base62(new(big.Int).SetBytes(raw[:]), 9)
}
