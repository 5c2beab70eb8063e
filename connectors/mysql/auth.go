package mysql

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash"

	"filippo.io/edwards25519"
)

// The methods of signing in, by the names of their plugins.
const (
	nativePassword  = "mysql_native_password"
	cachingSHA2     = "caching_sha2_password"
	sha256Password  = "sha256_password"
	clearPassword   = "mysql_clear_password"
	ed25519Password = "client_ed25519"
)

var (
	errMethod      = errors.New("the server asks for a way to sign in that is not known here")
	errOldPassword = errors.New("the server asks for the password in a form from before MySQL 4.1")
	errClear       = errors.New("the server asks for the password itself")
	errServerKey   = errors.New("the server's key cannot be used")
)

// Bytes that the two SHA-2 methods send besides passwords. https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
const (
	askKeySHA256  = 1
	askKeyCaching = 2
	fastAccepted  = 3
	fullWanted    = 4
)

// A proof proves to the server who we are, by the method that the server chooses.
type proof struct {
	login
	plugin string
	salt   []byte
}

// first is what is said before the server asked anything.
func (p *proof) first() ([]byte, error) {
	secret := []byte(p.password)
	switch p.plugin {
	case nativePassword:
		return scramble(sha1.New, secret, p.salt, false), nil
	case cachingSHA2:
		return scramble(sha256.New, secret, p.salt, true), nil
	case sha256Password:
		switch {
		case len(secret) == 0 || p.tls != nil:
			return append(secret, 0), nil
		}
		return []byte{askKeySHA256}, nil
	case clearPassword:
		if !p.verified {
			return nil, errClear
		}
		return append(secret, 0), nil
	case ed25519Password:
		return sign(secret, p.salt)
	}
	return nil, errMethod
}

// reply is what is said to a question of the server; nil where it wants to hear nothing.
func (p *proof) reply(question []byte) ([]byte, error) {
	switch {
	case question[0] == packetEnd && len(question) == 1:
		return nil, errOldPassword
	case question[0] == packetEnd:
		c := cursor{rest: question[1:]}
		p.plugin = c.terminated()
		p.salt = append([]byte(nil), c.rest...)
		if n := len(p.salt); n > 0 && p.salt[n-1] == 0 && p.plugin != ed25519Password {
			p.salt = p.salt[:n-1]
		}
		first, err := p.first()
		return append([]byte{}, first...), err
	case question[0] != packetMore || p.plugin != cachingSHA2 && p.plugin != sha256Password:
		return nil, errMalformed
	case len(question) == 2 && question[1] == fastAccepted:
		return nil, nil
	case len(question) == 2 && question[1] == fullWanted && p.tls != nil:
		return append([]byte(p.password), 0), nil
	case len(question) == 2 && question[1] == fullWanted:
		return []byte{askKeyCaching}, nil
	}
	return p.sealed(question[1:])
}

// sealed is the password for the holder of a key that the server showed.
func (p *proof) sealed(key []byte) ([]byte, error) {
	block, _ := pem.Decode(key)
	if block == nil || len(p.salt) == 0 {
		return nil, errServerKey
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, errServerKey
	}
	secret := append([]byte(p.password), 0)
	for i := range secret {
		secret[i] ^= p.salt[i%len(p.salt)]
	}
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, secret, nil)
	if err != nil {
		return nil, errServerKey
	}
	return sealed, nil
}

// scramble shows that the password is known without showing it: H(p) xor H(salt, H(H(p))), with the salt last where saltLast.
// An empty password is shown by nothing.
func scramble(algorithm func() hash.Hash, password, salt []byte, saltLast bool) []byte {
	if len(password) == 0 {
		return nil
	}
	sum := func(parts ...[]byte) []byte {
		h := algorithm()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	once := sum(password)
	twice := sum(once)
	mask := sum(salt, twice)
	if saltLast {
		mask = sum(twice, salt)
	}
	for i := range once {
		once[i] ^= mask[i]
	}
	return once
}

// sign is MariaDB's Ed25519: the standard's signature of the salt, but for a password of any length in place of a seed of 32
// bytes, which is why the standard library cannot make it. https://mariadb.com/kb/en/authentication-plugin-ed25519/
func sign(password, salt []byte) ([]byte, error) {
	wide := sha512.Sum512(password)
	secret, err := edwards25519.NewScalar().SetBytesWithClamping(wide[:32])
	if err != nil {
		return nil, err
	}
	scalar := func(parts ...[]byte) (*edwards25519.Scalar, error) {
		h := sha512.New()
		for _, part := range parts {
			h.Write(part)
		}
		return edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	}
	public := new(edwards25519.Point).ScalarBaseMult(secret).Bytes()
	nonce, err := scalar(wide[32:], salt)
	if err != nil {
		return nil, err
	}
	r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
	k, err := scalar(r, public, salt)
	if err != nil {
		return nil, err
	}
	return append(r, edwards25519.NewScalar().MultiplyAdd(k, secret, nonce).Bytes()...), nil
}
