package queue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	a.cert, a.key = template, key(t)
	a.cert = parsed(t, a.sign(t, template, a.key))
	return a
}

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parsed(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, k *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// issue signs a certificate for 127.0.0.1 and for clients; a change may alter it.
func (a *authority) issue(t *testing.T, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "rehome"}, IPAddresses: []net.IP{net.ParseIP(loopback)},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, change := range changes {
		change(template)
	}
	return a.sign(t, template, key(t))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func TestConnectByTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	otherHost := func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"queue.example"} }
	trusting := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ours.pool()}
	showing := func(c tls.Certificate) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ours.pool(), Certificates: []tls.Certificate{c}}
	}
	for _, tt := range []struct {
		name   string
		server *tls.Config // nil does not encrypt
		client *tls.Config
		says   string // empty: it connects
	}{
		{"a server whose authority we know is accepted", &tls.Config{Certificates: []tls.Certificate{ours.issue(t)}}, trusting, ""},
		{"a server of an authority that we do not know is refused", &tls.Config{Certificates: []tls.Certificate{theirs.issue(t)}}, trusting, "NATS_CA"},
		{"a server is refused where no authority is named and the system knows none", &tls.Config{Certificates: []tls.Certificate{ours.issue(t)}}, nil, "NATS_CA"},
		{"a server whose certificate has expired is refused", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, expired)}}, trusting, "renew the server's certificate"},
		{"a server of another name is refused", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, otherHost)}}, trusting, "connect by a name"},
		{"a server that does not encrypt is refused where we insist", nil, trusting, "the server does not encrypt"},
		{"a server that wants a certificate gets ours", demanding(ours, ours.issue(t)), showing(ours.issue(t)), ""},
		{"a server that wants a certificate refuses us without one", demanding(ours, ours.issue(t)), trusting, "give NATS_CERT and NATS_KEY"},
		{"a server that wants a certificate refuses another authority's", demanding(ours, ours.issue(t)), showing(theirs.issue(t)), "does not accept the certificate of NATS_CERT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := plainServer(t, &natsserver.Options{JetStream: true, TLSConfig: tt.server, TLSVerify: tt.server != nil && tt.server.ClientCAs != nil, TLSTimeout: 5})
			c, err := Connect(t.Context(), Options{URL: url, TLS: tt.client})
			if err == nil {
				defer c.Close()
			}
			switch {
			case tt.says == "" && err != nil:
				t.Errorf("it is refused: %v", err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("error %v does not say %q", err, tt.says)
			}
		})
	}
}

func demanding(of *authority, c tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: of.pool()}
}

// user makes a user's pair of keys.
func user(t *testing.T) (public, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	return keysOf(t, pair)
}

func keysOf(t *testing.T, pair nkeys.KeyPair) (public, seed string) {
	t.Helper()
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return public, string(text)
}

func TestConnectByNKey(t *testing.T) {
	public, seed := user(t)
	_, other := user(t)
	url := plainServer(t, &natsserver.Options{JetStream: true, Nkeys: []*natsserver.NkeyUser{{Nkey: public}}})
	connect(t, url, "", func(o *Options) { o.NKey = seed })
	for what, o := range map[string]Options{
		"the server does not know the NKey": {URL: url, NKey: other},
		"check the URL's user":              {URL: url},
		"not the seed of a user":            {URL: url, NKey: seed[:20] + other[20:]},
	} {
		c, err := Connect(t.Context(), o)
		if err == nil {
			c.Close()
			t.Fatalf("%s: it is accepted", what)
		}
		if !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), other) || strings.Contains(err.Error(), seed[:20]) {
			t.Errorf("error %q does not say %q, or shows a seed", err, what)
		}
	}
}

// An operated server knows users by what its operator's accounts have signed.
func operated(t *testing.T) (url string, account nkeys.KeyPair) {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	if account, err = nkeys.CreateAccount(); err != nil {
		t.Fatal(err)
	}
	operatorKey, _ := keysOf(t, operator)
	accountKey, _ := keysOf(t, account)
	claims := jwt.NewAccountClaims(accountKey)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	signed, err := claims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &natsserver.MemAccResolver{}
	if err := resolver.Store(accountKey, signed); err != nil {
		t.Fatal(err)
	}
	system, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	systemKey, _ := keysOf(t, system)
	systemClaims, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolver.Store(systemKey, systemClaims); err != nil {
		t.Fatal(err)
	}
	return plainServer(t, &natsserver.Options{JetStream: true, TrustedKeys: []string{operatorKey}, AccountResolver: resolver, SystemAccount: systemKey}), account
}

// credentials returns the content of a .creds file of a user of the account.
func credentials(t *testing.T, account nkeys.KeyPair, lives time.Duration) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, seed := keysOf(t, pair)
	claims := jwt.NewUserClaims(public)
	claims.Expires = time.Now().Add(lives).Unix()
	signed, err := claims.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	content, err := jwt.FormatUserConfig(signed, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestConnectByCredentials(t *testing.T) {
	url, account := operated(t)
	c := connect(t, url, "", func(o *Options) { o.Creds = credentials(t, account, time.Hour) })
	declare(t, c)
	publish(t, c, 1)
	stranger, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	for what, creds := range map[string]string{
		"an account that the operator does not know": credentials(t, stranger, time.Hour),
		"credentials that have expired":              credentials(t, account, -time.Hour),
	} {
		c, err := Connect(t.Context(), Options{URL: url, Creds: creds})
		if err == nil {
			c.Close()
			t.Fatalf("%s: they are accepted", what)
		}
		if !strings.Contains(err.Error(), "check that the credentials") || strings.Contains(err.Error(), "SU") {
			t.Errorf("%s: error %q does not say what to do, or shows the seed", what, err)
		}
	}
}
