package servers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// A Certificate says what a server shows.
type Certificate int

// What a server can show. Only Good passes a full check.
const (
	Good           Certificate = iota
	WrongName                  // by the right authority, for another host
	Expired                    // by the right authority, ended yesterday
	OtherAuthority             // by an authority that nobody was told of
)

// An authority signs certificates. Keys are RSA, since the old MySQL servers offer nothing that takes another kind.
type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
	pem  string
}

var (
	trusted = sync.OnceValues(func() (*authority, error) { return newAuthority("Patchbay test authority") })
	unknown = sync.OnceValues(func() (*authority, error) { return newAuthority("Patchbay other authority") })
)

func newAuthority(name string) (*authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key, encode("CERTIFICATE", der)}, err
}

// issue makes a certificate and its key: for a server where names are given, for the client called common where not.
func (a *authority) issue(common string, until time.Time, names ...string) (cert, key string, err error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: common},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(names) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, k.Public(), a.key)
	if err != nil {
		return "", "", err
	}
	return encode("CERTIFICATE", der), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)), nil
}

// serverFiles are the PEM texts that a server is started with.
type serverFiles struct{ ca, cert, key string }

func serverCertificate(kind Certificate) (files serverFiles, err error) {
	ca, err := trusted()
	if err != nil {
		return files, err
	}
	files.ca = ca.pem
	until, names := time.Now().Add(24*time.Hour), []string{"localhost", "127.0.0.1"}
	switch kind {
	case WrongName:
		names = []string{"elsewhere.example"}
	case Expired:
		until = time.Now().Add(-24 * time.Hour)
	case OtherAuthority:
		if ca, err = unknown(); err != nil {
			return files, err
		}
	}
	files.cert, files.key, err = ca.issue("patchbay test server", until, names...)
	return files, err
}

func clientCertificate(user string) (cert, key string, err error) {
	ca, err := trusted()
	if err != nil {
		return "", "", err
	}
	return ca.issue(user, time.Now().Add(24*time.Hour))
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return n
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
