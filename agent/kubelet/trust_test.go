package kubelet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issued is a certificate with its key.
type issued struct {
	tls.Certificate
	certPEM, keyPEM []byte
}

// issue makes a certificate, signed by itself when parent is nil.
func issue(t testing.TB, parent *authority, change func(*x509.Certificate)) (issued, *authority) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "node@" + serial.String()}, DNSNames: []string{"node"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	out := issued{
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
	if out.Certificate, err = tls.X509KeyPair(out.certPEM, out.keyPEM); err != nil {
		t.Fatal(err)
	}
	return out, &authority{cert: cert, key: key}
}

// file writes bytes into a new file and returns its path.
func file(t testing.TB, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	rewrite(t, path, parts...)
	return path
}

func rewrite(t testing.TB, path string, parts ...[]byte) {
	t.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

const emptyPods = `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":null}`

// serveTLS serves an empty list of pods; config is changed by the caller before it is used.
func serveTLS(t testing.TB, config *tls.Config, handler http.Handler) string {
	t.Helper()
	if handler == nil {
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, emptyPods) })
	}
	s := httptest.NewUnstartedServer(handler)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// askPods asks a new client for its pods and returns the state of the failure.
func askPods(t *testing.T, s Settings) (State, error) {
	t.Helper()
	c, err := New(s, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Pods(t.Context())
	return state(cause(err)), err
}

func TestTrust(t *testing.T) {
	self, _ := issue(t, nil, nil)
	expired, _ := issue(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	otherSelf, _ := issue(t, nil, nil)
	ca, authority := issue(t, nil, nil)
	loopback := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }
	signed, _ := issue(t, authority, loopback)
	signedForName, _ := issue(t, authority, nil)
	signedExpired, _ := issue(t, authority, func(c *x509.Certificate) { loopback(c); c.NotAfter = time.Now().Add(-time.Minute) })
	otherCA, _ := issue(t, nil, nil)

	for _, tc := range []struct {
		name   string
		served issued
		set    Settings
		want   State
	}{
		{"pinned", self, Settings{ServingCertFile: file(t, self.certPEM)}, ""},
		{"pinned, key and chain in the file", self, Settings{ServingCertFile: file(t, self.keyPEM, self.certPEM, ca.certPEM)}, ""},
		{"pinned and expired", expired, Settings{ServingCertFile: file(t, expired.certPEM)}, ""},
		{"pinned is another", self, Settings{ServingCertFile: file(t, otherSelf.certPEM)}, Untrusted},
		{"pinned stands second", self, Settings{ServingCertFile: file(t, otherSelf.certPEM, self.certPEM)}, Untrusted},
		{"pinned is the signer", signed, Settings{ServingCertFile: file(t, ca.certPEM)}, Untrusted},
		{"no file", self, Settings{ServingCertFile: filepath.Join(t.TempDir(), "none")}, Untrusted},
		{"no certificate in the file", self, Settings{ServingCertFile: file(t, self.keyPEM)}, Untrusted},
		{"broken certificate in the file", self, Settings{ServingCertFile: file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))}, Untrusted},
		{"nothing set", self, Settings{}, Untrusted},
		{"signed", signed, Settings{CAFile: file(t, otherCA.certPEM, ca.certPEM)}, ""},
		{"signed by another", signed, Settings{CAFile: file(t, otherCA.certPEM)}, Untrusted},
		{"signed for another name", signedForName, Settings{CAFile: file(t, ca.certPEM)}, Untrusted},
		{"signed and expired", signedExpired, Settings{CAFile: file(t, ca.certPEM)}, Untrusted},
		{"the CA wins over the pin", self, Settings{CAFile: file(t, ca.certPEM), ServingCertFile: file(t, self.certPEM)}, Untrusted},
		{"insecure", self, Settings{Insecure: true}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.set.URL = serveTLS(t, &tls.Config{Certificates: []tls.Certificate{tc.served.Certificate}}, nil)
			got, err := askPods(t, tc.set)
			if got != tc.want {
				t.Errorf("state %q, want %q: %v", got, tc.want, err)
			}
			if e := cause(err); e != nil && e.Remedy == "" {
				t.Errorf("no remedy for %v", err)
			}
		})
	}
}

// TestRotation: a rotated certificate is trusted at the next handshake, and the old one no longer is.
func TestRotation(t *testing.T) {
	first, _ := issue(t, nil, nil)
	second, _ := issue(t, nil, nil)
	current := first
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{current.Certificate}}, nil
	}}
	pinned := file(t, first.certPEM)
	c, err := New(Settings{URL: serveTLS(t, config, nil), ServingCertFile: pinned}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		served, pinned issued
		want           State
	}{{first, first, ""}, {second, first, Untrusted}, {second, second, ""}, {first, second, Untrusted}} {
		current = step.served
		rewrite(t, pinned, step.pinned.certPEM)
		c.Close()
		_, err := c.Pods(t.Context())
		if got := state(cause(err)); got != step.want {
			t.Errorf("state %q, want %q: %v", got, step.want, err)
		}
	}
}

func TestClientCertificate(t *testing.T) {
	server, _ := issue(t, nil, nil)
	client, _ := issue(t, nil, nil)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(client.certPEM)
	// As the kubelet: any certificate is taken, and who has none that is known is answered 401.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, emptyPods)
	})
	set := Settings{
		URL:             serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server.Certificate}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}, handler),
		ServingCertFile: file(t, server.certPEM),
	}
	if got, err := askPods(t, set); got != Unauthorised {
		t.Errorf("without a certificate: state %q: %v", got, err)
	}
	set.ClientCertFile, set.ClientKeyFile = file(t, client.certPEM), file(t, client.keyPEM)
	if got, err := askPods(t, set); got != "" {
		t.Errorf("with one: state %q: %v", got, err)
	}
	set.ClientCertFile, set.ClientKeyFile = file(t, client.certPEM, client.keyPEM), ""
	if got, err := askPods(t, set); got != "" {
		t.Errorf("with key and certificate in one file: state %q: %v", got, err)
	}
	set.ClientCertFile = filepath.Join(t.TempDir(), "none")
	got, err := askPods(t, set)
	if got != Unauthorised || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with a missing file: state %q: %v", got, err)
	}
}

func TestToken(t *testing.T) {
	var heard []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = append(heard, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "Bearer second" {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, emptyPods)
	})
	server, _ := issue(t, nil, nil)
	token := file(t, []byte("first\n"))
	set := Settings{
		URL:             serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server.Certificate}}, handler),
		ServingCertFile: file(t, server.certPEM), TokenFile: token,
	}
	c, err := New(set, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Pods(t.Context()); state(cause(err)) != Unauthorised {
		t.Errorf("with the first token: %v", err)
	}
	rewrite(t, token, []byte("  second\n"))
	if _, err := c.Pods(t.Context()); err != nil {
		t.Errorf("with the second token: %v", err)
	}
	for _, bad := range []string{"", "two\nlines\n", strings.Repeat("x", maxToken+1)} {
		rewrite(t, token, []byte(bad))
		_, err := c.Pods(t.Context())
		if state(cause(err)) != Unauthorised {
			t.Errorf("with a file of %d bytes: %v", len(bad), err)
		}
		if err != nil && bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the token stands in the error: %v", err)
		}
	}
	if len(heard) != 2 {
		t.Errorf("the kubelet was asked %d times, want 2: %q", len(heard), heard)
	}
}

// TestTokenStaysOnTheAuthenticatedPort: the read-only port and the health port are in the clear.
func TestTokenStaysOnTheAuthenticatedPort(t *testing.T) {
	leaked := false
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = leaked || r.Header.Get("Authorization") != ""
		_, _ = io.WriteString(w, emptyPods)
	}))
	defer plain.Close()
	server, _ := issue(t, nil, nil)
	deny := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	c, err := New(Settings{
		URL:         serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server.Certificate}}, deny),
		ReadOnlyURL: plain.URL, HealthzURL: plain.URL + "/healthz", ServingCertFile: file(t, server.certPEM), TokenFile: file(t, []byte("secret")),
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Pods(t.Context()); err != nil {
		t.Errorf("the read-only port was not asked: %v", err)
	}
	if leaked {
		t.Error("the token was sent in the clear")
	}
}
