package transport

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"

	"golang.org/x/crypto/ssh"
)

// ParseKey reads a private key in PEM form: PKCS #8, PKCS #1, SEC 1 or OpenSSH's own, in the clear or encrypted. An error is a
// *TLSPartError about the key or its passphrase, and holds nothing of either.
func ParseKey(text, passphrase string) (crypto.Signer, error) {
	block := keyBlock([]byte(text))
	if block == nil {
		return nil, &TLSPartError{"key", "This holds no private key in PEM form"}
	}
	key, err := parseBlock(block, passphrase)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked), errors.Is(err, errLocked):
		return nil, &TLSPartError{"passphrase", "The key is encrypted. Enter its passphrase"}
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, &TLSPartError{"passphrase", "This passphrase does not open the key"}
	case errors.Is(err, errCipher):
		return nil, &TLSPartError{"key", "The key is encrypted in a way that is not supported. Encrypt it with AES: openssl pkcs8 -topk8 -v2 aes256"}
	case err != nil:
		return nil, &TLSPartError{"key", "The private key cannot be read"}
	}
	signer, ok := signerOf(key)
	if !ok {
		return nil, &TLSPartError{"key", "This kind of key cannot sign"}
	}
	return signer, nil
}

func signerOf(key any) (crypto.Signer, bool) {
	if p, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		s, ok := p.(crypto.Signer)
		return s, ok
	}
	return nil, false
}

// keyBlock is the first private key of a PEM text, which may begin with EC parameters or certificates.
func keyBlock(text []byte) *pem.Block {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil
		}
		if n := len(block.Type); n >= 11 && block.Type[n-11:] == "PRIVATE KEY" {
			return block
		}
		text = rest
	}
}

func parseBlock(block *pem.Block, passphrase string) (any, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		if passphrase == "" {
			return nil, errLocked
		}
		der, err := decryptPKCS8(block.Bytes, []byte(passphrase))
		if err != nil {
			return nil, err
		}
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, x509.IncorrectPasswordError // the padding was right by chance
		}
		return key, nil
	}
	text := pem.EncodeToMemory(block)
	key, err := ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && passphrase != "" {
		return ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase))
	}
	return key, err
}

var (
	errLocked = errors.New("the key is encrypted and there is no passphrase")
	errCipher = errors.New("unknown key encryption")
)

// The structures of RFC 5958 (encrypted PKCS #8) and RFC 8018 (PBES2, PBKDF2).
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2Params struct {
		KDF, Cipher pkix.AlgorithmIdentifier
	}
	pbkdf2Params struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	prfs      = map[string]func() hash.Hash{
		"":                    sha1.New, // the default, RFC 8018, appendix A.2
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	ciphers = map[string]struct {
		size int
		make func([]byte) (cipher.Block, error)
	}{
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	}
)

// maxIterations bounds the work that a pasted key can ask for: some seconds.
const maxIterations = 10_000_000

// decryptPKCS8 opens an encrypted PKCS #8 key by PBES2, which is what openssl and the clouds write.
func decryptPKCS8(der, passphrase []byte) ([]byte, error) {
	var box encryptedKey
	var params pbes2Params
	var derive pbkdf2Params
	var iv []byte
	if err := unmarshalAll(part{der, &box}); err != nil {
		return nil, err
	}
	if !box.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errCipher
	}
	if err := unmarshalAll(part{box.Algorithm.Parameters.FullBytes, &params}); err != nil {
		return nil, err
	}
	if !params.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, errCipher
	}
	if err := unmarshalAll(part{params.KDF.Parameters.FullBytes, &derive}, part{params.Cipher.Parameters.FullBytes, &iv}); err != nil {
		return nil, err
	}
	prf, known := prfs[derive.PRF.Algorithm.String()]
	how, ok := ciphers[params.Cipher.Algorithm.String()]
	if !known || !ok || derive.Iterations < 1 || derive.Iterations > maxIterations {
		return nil, errCipher
	}
	key, err := pbkdf2.Key(prf, string(passphrase), derive.Salt, derive.Iterations, how.size)
	if err != nil {
		return nil, err
	}
	block, err := how.make(key)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, iv, box.Data)
}

// A part is DER and what it is read into.
type part struct {
	der  []byte
	into any
}

func unmarshalAll(parts ...part) error {
	for _, p := range parts {
		if _, err := asn1.Unmarshal(p.der, p.into); err != nil {
			return errCipher
		}
	}
	return nil
}

// decryptCBC decrypts and takes off the padding (RFC 5652, section 6.3). Padding that is wrong tells a wrong passphrase.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errCipher
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	if n < 1 || n > size {
		return nil, x509.IncorrectPasswordError
	}
	for _, b := range out[len(out)-n:] {
		if int(b) != n {
			return nil, x509.IncorrectPasswordError
		}
	}
	return out[:len(out)-n], nil
}
