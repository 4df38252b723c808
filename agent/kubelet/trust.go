package kubelet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// errUntrusted marks the handshakes that failed because the other side is not known to be the kubelet.
var errUntrusted = errors.New("the kubelet's serving certificate is not trusted")

// errCredentials marks what failed because the files that say who is asking cannot be used.
var errCredentials = errors.New("the credentials for the kubelet cannot be used")

const (
	maxCertFile = 1 << 20
	maxToken    = 64 << 10
)

// tlsConfig verifies the kubelet by its pinned certificate or by a CA. Both are read at each handshake, so that a
// rotated certificate needs no restart; handshakes are rare, since one connection is kept.
//
// The verification of crypto/tls is turned off because it cannot be told to trust one exact certificate, nor to read
// its CAs anew; VerifyConnection does the whole of it instead, for resumed connections too.
func tlsConfig(s Settings, host string) *tls.Config {
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies, unless the operator asked for no verification.
	}
	switch {
	case s.Insecure:
	case s.CAFile != "":
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyCA(s.CAFile, host, state) }
	default:
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyPinned(s.ServingCertFile, state) }
	}
	if s.ClientCertFile != "" {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return clientCertificate(s.ClientCertFile, s.ClientKeyFile)
		}
	}
	return cfg
}

// verifyPinned accepts the very certificates that stand in the file and nothing else. Names and dates do not count: the
// kubelet's self-signed certificate does not name the loopback address, and it is served after it has expired.
func verifyPinned(file string, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: none was sent", errUntrusted)
	}
	pinned, err := readCertificates(file)
	if err != nil {
		return fmt.Errorf("%w: %w", errUntrusted, err)
	}
	// The kubelet's file may hold its chain; only a serving certificate, which comes first, is pinned.
	if pinned[0].Equal(state.PeerCertificates[0]) {
		return nil
	}
	return fmt.Errorf("%w: it is not the one in %s", errUntrusted, file)
}

// verifyCA checks the chain, the dates and the name or address that was dialled. The name comes from the settings: the
// state of a connection does not have it where it is an address.
func verifyCA(file, host string, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: none was sent", errUntrusted)
	}
	roots, err := readCertificates(file)
	if err != nil {
		return fmt.Errorf("%w: %w", errUntrusted, err)
	}
	opts := x509.VerifyOptions{DNSName: host, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	for _, c := range roots {
		opts.Roots.AddCert(c)
	}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := state.PeerCertificates[0].Verify(opts); err != nil {
		return fmt.Errorf("%w by %s: %w", errUntrusted, file, err)
	}
	return nil
}

// readCertificates returns the certificates of a PEM file, of which there is at least one. Keys in it are skipped: the
// kubelet keeps key and certificate in one file when it has rotated them.
func readCertificates(file string) (certs []*x509.Certificate, err error) {
	data, err := files.Read(file, maxCertFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate in %s: %w", file, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s has no PEM block of type CERTIFICATE", file)
	}
	return certs, nil
}

func clientCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := files.Read(certFile, maxCertFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	key, err := files.Read(pick(keyFile, certFile), maxCertFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errCredentials, certFile, err)
	}
	return &pair, nil
}

// readToken returns the bearer token. It is read for each question: a rotated token works at once, and the file is
// small and in the page cache.
func readToken(file string) (string, error) {
	data, err := files.Read(file, maxToken)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errCredentials, err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return "", fmt.Errorf("%w: %s does not hold one token on one line", errCredentials, file)
	}
	return token, nil
}
