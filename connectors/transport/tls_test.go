package transport

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// An authority signs the certificates of one test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	a.cert = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}, a.key.Public())
	return a
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(t *testing.T, c *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), c.NotAfter.Add(-48*time.Hour)
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// server is a certificate for a host, signed through an intermediate, as servers send it.
func (a *authority) server(t *testing.T, host string, until time.Time) tls.Certificate {
	t.Helper()
	between := &authority{key: newKey(t)}
	between.cert = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Between"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}, between.key.Public())
	key := newKey(t)
	leaf := between.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotAfter: until}, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, between.cert.Raw}, PrivateKey: key}
}

func (a *authority) pem() string { return pemOf("CERTIFICATE", a.cert.Raw) }

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// shake makes both ends of a TLS connection and returns each end's error.
func shake(t *testing.T, client, server *tls.Config) (error, error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).HandshakeContext(t.Context())
			defer c.Close()
		}
		served <- err
	}()
	dialer := tls.Dialer{Config: client}
	c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err == nil {
		defer c.Close()
	}
	return err, <-served
}

func TestTLSModes(t *testing.T) {
	ours, others := newAuthority(t, "Ours"), newAuthority(t, "Others")
	later := time.Now().Add(time.Hour)
	good := ours.server(t, "db.example.com", later)
	for name, c := range map[string]struct {
		shows tls.Certificate
		full  bool
		ca    bool
	}{
		"good":         {good, true, true},
		"wrong name":   {ours.server(t, "elsewhere.example.com", later), false, true},
		"other CA":     {others.server(t, "db.example.com", later), false, false},
		"expired":      {ours.server(t, "db.example.com", time.Now().Add(-time.Hour)), false, false},
		"chain broken": {tls.Certificate{Certificate: good.Certificate[:1], PrivateKey: good.PrivateKey}, false, false},
	} {
		for mode, want := range map[TLSMode]bool{TLSRequire: true, TLSVerifyCA: c.ca, TLSVerifyFull: c.full} {
			heard := false
			config, err := TLS{Mode: mode, ServerName: "db.example.com", CA: ours.pem()}.Config(func(tls.ConnectionState) { heard = true })
			if err != nil {
				t.Fatal(err)
			}
			err, _ = shake(t, config, &tls.Config{Certificates: []tls.Certificate{c.shows}})
			if (err == nil) != want || heard != want {
				t.Errorf("%s, %s: %v, heard %v; want it to work: %v", name, mode, err, heard, want)
			}
		}
	}
	config, _ := TLS{Mode: TLSRequire}.Config(nil)
	if err, _ := shake(t, config, &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	if config, err := (TLS{Mode: TLSDisable, CA: "nonsense"}).Config(nil); config != nil || err != nil {
		t.Errorf("disabled: %v, %v", config, err)
	}
}

func TestTLSClientCertificate(t *testing.T) {
	a := newAuthority(t, "Ours")
	key := newKey(t)
	client := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "me"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key.Public())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	server := &tls.Config{Certificates: []tls.Certificate{a.server(t, "db", time.Now().Add(time.Hour))}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	config, err := TLS{Mode: TLSVerifyFull, ServerName: "db", CA: a.pem(), Cert: pemOf("CERTIFICATE", client.Raw), Key: pemOf("PRIVATE KEY", der)}.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err, served := shake(t, config, server); err != nil || served != nil {
		t.Errorf("%v; server: %v", err, served)
	}
	for part, bad := range map[string]TLS{
		"ca":   {Mode: TLSVerifyCA, CA: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		"cert": {Mode: TLSRequire, Key: pemOf("PRIVATE KEY", der)},
		"key":  {Mode: TLSRequire, Cert: pemOf("CERTIFICATE", a.cert.Raw), Key: pemOf("PRIVATE KEY", der)},
	} {
		_, err := bad.Config(nil)
		var wrong *TLSPartError
		if !errors.As(err, &wrong) || wrong.Part != part {
			t.Errorf("%s: %v", part, err)
		}
	}
}

func TestDescribeTLS(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	cert := &x509.Certificate{DNSNames: []string{"db.example.com"}, Issuer: pkix.Name{CommonName: "Example CA"}, NotAfter: now.Add(98*24*time.Hour + time.Minute)}
	state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{cert}}
	if got, want := DescribeTLS(state, TLSVerifyFull, now), "TLS 1.3, certificate of db.example.com by Example CA, expires 2027-03-01 (in 98 days)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := DescribeTLS(state, TLSRequire, now); !strings.HasSuffix(got, ", not verified") {
		t.Errorf("got %s", got)
	}
}

// Keys as openssl and ssh-keygen write them, in the clear and encrypted.
func TestParseKey(t *testing.T) {
	dir := t.TempDir()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain.pem")
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, []byte(pemOf("PRIVATE KEY", der)), 0o600); err != nil {
		t.Fatal(err)
	}
	ed, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const passphrase = "correct horse ünter"
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(edKey, "", []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]struct {
		text   string
		locked bool
		public crypto.PublicKey
	}{
		"pkcs8":   {pemOf("PRIVATE KEY", der), false, &rsaKey.PublicKey},
		"pkcs1":   {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), false, &rsaKey.PublicKey},
		"openssh": {string(pem.EncodeToMemory(locked)), true, ed},
	}
	for name, args := range map[string][]string{
		"aes256":  {"pkcs8", "-topk8", "-v2", "aes256"},
		"aes128":  {"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"},
		"3des":    {"pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1"},
		"legacy":  {"rsa", "-aes128", "-traditional"},
		"iterate": {"pkcs8", "-topk8", "-v2", "aes-192-cbc", "-iter", "100000"},
	} {
		args = append(args, "-in", plain, "-passout", "pass:"+passphrase)
		out, err := exec.Command("openssl", args...).Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		keys[name] = struct {
			text   string
			locked bool
			public crypto.PublicKey
		}{string(out), true, &rsaKey.PublicKey}
	}
	for name, k := range keys {
		phrase := ""
		if k.locked {
			phrase = passphrase
			for given, want := range map[string]string{"": "The key is encrypted", "wrong": "does not open"} {
				_, err := ParseKey(k.text, given)
				var part *TLSPartError
				if !errors.As(err, &part) || part.Part != "passphrase" || !strings.Contains(part.Words, want) {
					t.Errorf("%s with passphrase %q: %v", name, given, err)
				}
			}
		}
		key, err := ParseKey(k.text, phrase)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(k.public) {
			t.Errorf("%s: another key came out", name)
		}
	}
	for _, text := range []string{"", "hello", pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", der[:40])} {
		if _, err := ParseKey(text, ""); err == nil {
			t.Errorf("%.30q was taken for a key", text)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte{0x30, 0x00}, "x")
	f.Fuzz(func(t *testing.T, der []byte, passphrase string) {
		_, _ = ParseKey(pemOf("ENCRYPTED PRIVATE KEY", der), passphrase)
	})
}
