package api

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	DefaultListen         = "127.0.0.1:8090"
	DefaultSessionTTL     = 12 * time.Hour
	DefaultSessionIdle    = time.Hour
	DefaultMaxConnections = 512
	DefaultMaxStreams     = 256
	DefaultAuditMaxBytes  = 32 << 20

	minTokenLength = 16
)

// Config says where the admin plane listens and whom it lets in. The zero value means
// all defaults: loopback only, an admin token made at the first start.
type Config struct {
	// Listen is host:port of the admin plane. Empty means 127.0.0.1:8090.
	Listen string `conf:"listen"`
	// Token is the admin token, at least 16 characters. It is kept as a digest only. Empty
	// means the one made at the first start; set, it takes that one's place.
	Token string `conf:"token,secret"`
	// AllowedHosts are the names, without port, under which browsers may reach the admin
	// plane besides localhost and the address of Listen. Others answer 421.
	AllowedHosts []string `conf:"allowed_hosts"`
	// TLSCertFile and TLSKeyFile are PEM files; both or none.
	TLSCertFile string `conf:"tls_cert_file"`
	TLSKeyFile  string `conf:"tls_key_file"`
	// InsecureListen lets Listen be reachable from other machines without TLS, as behind
	// a proxy that ends TLS. It is logged at each start.
	InsecureListen bool `conf:"insecure_listen"`
	// SessionTTL is how long a login lasts at most. Zero means 12 h.
	SessionTTL time.Duration `conf:"session_ttl"`
	// SessionIdle ends a login that was not used for so long. Zero means 1 h.
	SessionIdle time.Duration `conf:"session_idle"`
	// MaxConnections bounds open connections; more are closed at once. Zero means 512.
	MaxConnections int `conf:"max_connections"`
	// MaxStreams bounds clients of /events. Zero means 256.
	MaxStreams int `conf:"max_streams"`
	// AuditMaxBytes is the size at which the audit log is rotated; four old files are
	// kept. Zero means 32 MiB.
	AuditMaxBytes int64 `conf:"audit_max_bytes"`
}

// WithDefaults returns c with its zero fields replaced by the defaults.
func (c Config) WithDefaults() Config {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.SessionTTL = cmp.Or(c.SessionTTL, DefaultSessionTTL)
	c.SessionIdle = cmp.Or(c.SessionIdle, DefaultSessionIdle)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxStreams = cmp.Or(c.MaxStreams, DefaultMaxStreams)
	c.AuditMaxBytes = cmp.Or(c.AuditMaxBytes, DefaultAuditMaxBytes)
	c.AllowedHosts = slices.Clone(c.AllowedHosts)
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	c = c.WithDefaults()
	errs := []error{c.validateListen()}
	if c.Token != "" && len(c.Token) < minTokenLength {
		errs = append(errs, fmt.Errorf("api.token: must be at least %d characters (got %d); make one with: openssl rand -hex 32",
			minTokenLength, len(c.Token)))
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		errs = append(errs, errors.New("api.token: must be printable ASCII without spaces (got something else)"))
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		errs = append(errs, errors.New("api.tls_cert_file: must be set together with api.tls_key_file (got one of them)"))
	}
	for i, h := range c.AllowedHosts {
		if h == "" || strings.ContainsAny(h, "/@ \t*") || strings.Contains(h, ":") && !isIPv6(h) {
			errs = append(errs,
				fmt.Errorf("api.allowed_hosts[%d]: must be a host name without scheme, port or wildcard (got %q)", i, h))
		}
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"session_ttl", c.SessionTTL}, {"session_idle", c.SessionIdle}} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("api.%s: must not be negative (got %v)", d.key, d.value))
		}
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"max_connections", int64(c.MaxConnections)},
		{"max_streams", int64(c.MaxStreams)},
		{"audit_max_bytes", c.AuditMaxBytes},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("api.%s: must not be negative (got %d)", n.key, n.value))
		}
	}
	return errors.Join(errs...)
}

func (c Config) validateListen() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("api.listen: must be host:port, for example %s (got %q)", DefaultListen, c.Listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("api.listen: must have a port between 0 and 65535 (got %q)", port)
	}
	if isLoopback(host) || c.TLS() || c.InsecureListen {
		return nil
	}
	return fmt.Errorf("api.listen: must be a loopback address such as %s unless api.tls_cert_file and"+
		" api.tls_key_file are set, or api.insecure_listen: true behind a proxy that ends TLS (got %q)",
		DefaultListen, c.Listen)
}

// TLS reports whether the admin plane speaks TLS itself.
func (c Config) TLS() bool { return c.TLSCertFile != "" && c.TLSKeyFile != "" }

// exposed reports whether other machines can reach Listen without TLS.
func (c Config) exposed() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err != nil || !isLoopback(host) && !c.TLS()
}

func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

func isIPv6(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Is6()
}
