package transport

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A TLSMode says how a connection is encrypted and what of the server's certificate is checked. None falls back to another.
type TLSMode string

// The TLS modes.
const (
	TLSDisable    TLSMode = "disable"
	TLSRequire    TLSMode = "require"     // encrypted, to whoever answers
	TLSVerifyCA   TLSMode = "verify-ca"   // signed by a trusted authority, for any host
	TLSVerifyFull TLSMode = "verify-full" // and for this host
)

// TLS says how to encrypt a connection.
type TLS struct {
	Mode                  TLSMode
	ServerName            string // what verify-full compares with, and what the server is told
	CA                    string // PEM; empty: the authorities that this machine trusts
	Cert, Key, Passphrase string // the client's certificate and its key, in PEM; empty: none
}

// A TLSPartError is a part of the TLS settings that cannot be used. It never repeats the part.
type TLSPartError struct {
	Part  string // "ca", "cert", "key", "passphrase"
	Words string
}

func (e *TLSPartError) Error() string { return "TLS " + e.Part + ": " + e.Words }

// Config is the TLS configuration, nil for TLSDisable. done, which may be nil, hears of each handshake in which the server
// satisfied the mode.
func (t TLS) Config(done func(tls.ConnectionState)) (*tls.Config, error) {
	if t.Mode == TLSDisable {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Mode != TLSVerifyFull}
	if t.CA != "" {
		authorities, err := ParseCertificates(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		for _, a := range authorities {
			c.RootCAs.AddCert(a)
		}
	}
	if err := t.addClient(c); err != nil {
		return nil, err
	}
	roots := c.RootCAs
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if t.Mode == TLSVerifyCA {
			if err := verifyChain(state, roots); err != nil {
				return err
			}
		}
		if done != nil {
			done(state)
		}
		return nil
	}
	return c, nil
}

// verifyChain checks everything about a certificate but its host.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server showed no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// addClient adds the client's certificate, where there is one.
func (t TLS) addClient(c *tls.Config) error {
	switch {
	case t.Cert == "" && t.Key == "":
		return nil
	case t.Cert == "":
		return &TLSPartError{"cert", "Paste the certificate that belongs to the key"}
	case t.Key == "":
		return &TLSPartError{"key", "Paste the key that belongs to the certificate"}
	}
	chain, err := ParseCertificates(t.Cert)
	if err != nil {
		return &TLSPartError{"cert", "This holds no certificate in PEM form"}
	}
	key, err := ParseKey(t.Key, t.Passphrase)
	if err != nil {
		return err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return &TLSPartError{"key", "This key does not belong to the certificate"}
	}
	own := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, cert := range chain {
		own.Certificate = append(own.Certificate, cert.Raw)
	}
	c.Certificates = []tls.Certificate{own}
	return nil
}

// ParseCertificates reads one or more certificates in PEM form.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &TLSPartError{"ca", "One of the certificates cannot be read"}
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, &TLSPartError{"ca", "This holds no certificate in PEM form"}
	}
	return out, nil
}

// DescribeTLS is one line of fact about an encrypted connection: version, whose certificate, by whom, until when.
func DescribeTLS(state tls.ConnectionState, mode TLSMode, now time.Time) string {
	line := tls.VersionName(state.Version)
	if len(state.PeerCertificates) == 0 {
		return line
	}
	c := state.PeerCertificates[0]
	line += fmt.Sprintf(", certificate of %s by %s, expires %s (%s)", holder(c), named(c.Issuer.CommonName, c.Issuer.Organization),
		c.NotAfter.UTC().Format(time.DateOnly), until(c.NotAfter, now))
	if mode == TLSRequire {
		line += ", not verified"
	}
	return line
}

func holder(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return named(c.Subject.CommonName, c.Subject.Organization)
	}
	if len(names) > 2 {
		names = append(names[:2], "others")
	}
	return strings.Join(names, ", ")
}

func named(common string, organisation []string) string {
	switch {
	case common != "":
		return common
	case len(organisation) > 0:
		return organisation[0]
	}
	return "no name"
}

func until(end, now time.Time) string {
	days := int(end.Sub(now).Hours() / 24)
	switch {
	case end.Before(now):
		return "in the past"
	case days == 0:
		return "within a day"
	case days == 1:
		return "in 1 day"
	}
	return fmt.Sprintf("in %d days", days)
}
