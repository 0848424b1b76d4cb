package rediscache_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// authority signs certificates and keeps them as files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{dir: t.TempDir()}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	_, _ = a.sign(t, "ca", template)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue makes a certificate for a name or an address.
func (a *authority) issue(t *testing.T, file string, names ...string) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: file}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.sign(t, file, template)
}

// sign has the authority sign a certificate; the first one is its own.
func (a *authority) sign(t *testing.T, file string, template *x509.Certificate) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if a.cert == nil {
		a.cert, a.key = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	cert, key = a.file(file+".crt"), a.file(file+".key")
	check(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// startTLS starts a server that speaks TLS on one more port, with a certificate for names.
func (a *authority) startTLS(t *testing.T, file string, names []string, settings ...string) (s *redistest.Server, port string) {
	t.Helper()
	cert, key := a.issue(t, file, names...)
	port = freePort(t)
	return redistest.Start(t, append([]string{
		"--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.file("ca.crt"),
	}, settings...)...), port
}

// with is a URL with parameters.
func with(base string, params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return base + "?" + q.Encode()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, other := newAuthority(t), newAuthority(t)
	_, port := ours.startTLS(t, "server", []string{"redis.internal", "127.0.0.1"}, "--tls-auth-clients", "yes", "--requirepass", "of-this-test")
	_, misnamed := ours.startTLS(t, "misnamed", []string{"redis.internal"}, "--tls-auth-clients", "no")
	plain := redistest.Start(t)
	cert, key := ours.issue(t, "client")
	foreign, foreignKey := other.issue(t, "client")
	ca := ours.file("ca.crt")
	base := "rediss://:of-this-test@127.0.0.1:" + port
	tests := []struct{ name, url, says string }{
		{"good", with(base, "ca", ca, "cert", cert, "key", key), ""},
		{"good by name", with("rediss://127.0.0.1:"+misnamed, "ca", ca, "server_name", "redis.internal"), ""},
		{"unknown authority", base, "by ca="},
		{"wrong authority", with(base, "ca", other.file("ca.crt"), "cert", cert, "key", key), "by ca="},
		{"no certificate", with(base, "ca", ca), "by cert= and key="},
		{"foreign certificate", with(base, "ca", ca, "cert", foreign, "key", foreignKey), "by cert= and key="},
		{"another name", with("rediss://127.0.0.1:"+misnamed, "ca", ca), "by server_name="},
		{"no TLS", with("rediss://:of-this-test@"+plain.Addr(), "ca", ca), "perhaps the port speaks none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, rediscache.Config{URL: test.url, LookupTimeout: time.Second})
			if test.says == "" {
				p.await("the connection", func() bool { return p.redis().Connected })
				p.shares(connected(t, patient(test.url)))
				return
			}
			p.everything(0)
			p.await("the reason", func() bool { return strings.Contains(p.redis().LastError, test.says) })
			if s := p.redis(); s.Connected || strings.Contains(s.LastError, "of-this-test") {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The servers of a cluster have certificates of their own, and are not asked for the name of the one
// in the URL.
func TestTLSCluster(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	settings := []string{"--cluster-enabled", "yes", "--tls-cluster", "yes", "--tls-auth-clients", "optional"}
	var members []member
	for _, names := range [][]string{{"localhost", "127.0.0.1"}, {"127.0.0.1"}} {
		bus := freePort(t)
		s, port := a.startTLS(t, "member"+bus, names, append(settings, "--cluster-port", bus)...)
		members = append(members, member{s, port, bus})
	}
	join(t, members...)
	url := with("rediss+cluster://localhost:"+members[0].port, "ca", a.file("ca.crt"))
	p, q := connected(t, patient(url)), connected(t, patient(url))
	for i := range 20 {
		p.get(strconv.Itoa(i), cache.EntryOptions{}, from("p"))
	}
	p.settled()
	for i := range 20 {
		if got := q.get(strconv.Itoa(i), cache.EntryOptions{}, from("q")); got != from("p") {
			t.Errorf("%d: got %v", i, got)
		}
	}
}

// The sentinel, the master and its replica speak TLS to the client and among each other; the replica
// takes over, and what was invalidated before stays so.
func TestTLSSentinel(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	among := []string{"--tls-replication", "yes", "--tls-auth-clients", "optional"}
	master, masterPort := a.startTLS(t, "master", []string{"127.0.0.1"}, among...)
	replica, _ := a.startTLS(t, "replica", []string{"127.0.0.1"},
		append(among, "--replicaof", "127.0.0.1 "+masterPort, "--repl-diskless-sync-delay", "0")...)
	if !poll(func() bool { return strings.Contains(must(t, replica, "INFO", "replication"), "master_link_status:up") }) {
		t.Fatal("the replica does not follow")
	}
	port, err := strconv.Atoi(masterPort)
	check(t, err)
	cert, key := a.issue(t, "sentinel", "127.0.0.1")
	own := freePort(t)
	sentinel := redistest.StartSentinelOf(t, "main", port, "tls-port "+own, "tls-cert-file "+cert, "tls-key-file "+key,
		"tls-ca-cert-file "+a.file("ca.crt"), "tls-replication yes", "tls-auth-clients optional")
	if !poll(func() bool { return strings.Contains(must(t, sentinel, "INFO", "sentinel"), "slaves=1") }) {
		t.Fatal("the sentinel does not find the replica")
	}
	url := with("rediss+sentinel://127.0.0.1:"+own, "ca", a.file("ca.crt"), "master_set", "main")
	p, q := connected(t, patient(url)), connected(t, patient(url))
	p.get("deleted", cache.EntryOptions{}, from("old"))
	p.settled()
	p.shares(q)
	feeds := q.redis().Feeds
	p.answers.Delete("deleted")
	p.settled()
	check(t, master.Kill())
	q.await("the failover", func() bool { return q.redis().Connected && q.redis().Feeds > feeds })
	if got := q.get("deleted", cache.EntryOptions{}, from("loader")); got == from("old") {
		t.Error("got what was invalidated")
	}
	q.shares(connected(t, patient(url)))
	stranger := start(t, rediscache.Config{URL: with("rediss+sentinel://127.0.0.1:"+own, "master_set", "main")})
	stranger.await("the reason", func() bool { return strings.Contains(stranger.redis().LastError, "by ca=") })
}

func TestTLSParameters(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://localhost:1?ca=x", "redis://localhost:1?skip_verify=false", "rediss://localhost:1?skip_verify",
		"rediss://localhost:1?skip_verify=maybe", "rediss://localhost:1?ca=nowhere.pem", "rediss://localhost:1?cert=x",
		"rediss://localhost:1?ca=tls_test.go", "rediss://localhost:1?cert=tls_test.go&key=tls_test.go",
	} {
		err := rediscache.Config{URL: url}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "cache.redis_url: ") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
