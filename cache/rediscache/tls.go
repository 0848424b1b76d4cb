package rediscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
)

// secured takes the parameters of a URL that are about TLS. cfg is nil where there is none.
func secured(cfg *tls.Config, query url.Values) error {
	if cfg == nil {
		for _, name := range []string{"ca", "cert", "key", "server_name", "skip_verify"} {
			if query.Has(name) {
				return fmt.Errorf("cache.redis_url: %s needs TLS, as with rediss://", name)
			}
		}
		return nil
	}
	if off, err := strconv.ParseBool(query.Get("skip_verify")); query.Has("skip_verify") && (off || err != nil) {
		return errors.New("cache.redis_url: skip_verify would believe any server; " +
			"name the file of the one's authority, or its own certificate, by ca=")
	}
	if name := query.Get("server_name"); name != "" {
		cfg.ServerName = name
	}
	if file := query.Get("ca"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cache.redis_url: ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("cache.redis_url: ca: %s holds no certificate in PEM", file)
		}
	}
	cert, key := query.Get("cert"), query.Get("key")
	if cert == "" && key == "" {
		return nil
	}
	if cert == "" || key == "" {
		return errors.New("cache.redis_url: cert and key must both be given, the files of the client's certificate and key")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("cache.redis_url: cert and key: %w", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}

// advised adds to an error of TLS what to do about it.
func advised(err error) error {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	var refused *net.OpError
	var advice string
	switch {
	case errors.As(err, &authority):
		advice = "name the file of the server's authority by ca= in cache.redis_url"
	case errors.As(err, &name):
		advice = "name what the certificate is for by server_name= in cache.redis_url"
	case errors.As(err, &invalid):
		advice = "renew the server's certificate"
	case errors.As(err, &plain):
		advice = "the server does not speak TLS on this port"
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &refused):
		advice = "nobody answers a TLS handshake; perhaps the port speaks none"
	case errors.As(err, &refused) && refused.Op == "remote error": // an alert of TLS
		advice = "name a certificate that the server accepts by cert= and key= in cache.redis_url"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, advice)
}

// refusal adds to the error of a connection by TLS that ended before anything was answered what the
// reason may be: a server says last that it does not accept the client's certificate, and what it
// says may be lost.
func (g *guard) refusal(err error) error {
	if err == nil || !g.secure || g.answered.Load() > 0 {
		return err
	}
	return fmt.Errorf("%w; perhaps the server wants a certificate that it accepts, by cert= and key= in cache.redis_url", err)
}
