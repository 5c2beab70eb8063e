package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// A box is version(1) | key id(4) | salt(16) | nonce(12) | ciphertext | tag(16). Each has a key of its own, derived from the
// root key and the salt, so that a nonce never meets a key twice. Its owner and its header are authenticated with it.
const (
	boxVersion = 1
	headerSize = 1 + 4 + 16
)

var errNoBox = errors.New("not a sealed secret")

// Seal encrypts plain under the current key for the owner that of names, for example ("connection", id, "password"). Only the
// same owner opens it (P27).
func (r *Ring) Seal(plain []byte, of ...string) ([]byte, error) {
	header := make([]byte, headerSize)
	header[0] = boxVersion
	binary.BigEndian.PutUint32(header[1:], r.current)
	_, _ = rand.Read(header[5:]) // never fails (crypto/rand)
	a, err := r.aead(header)
	if err != nil {
		return nil, err
	}
	return a.Seal(header, nil, plain, owner(of, header)), nil
}

// Open decrypts a box of the owner that of names. Whatever is wrong with the box, the answer is an error and no plaintext.
func (r *Ring) Open(box []byte, of ...string) ([]byte, error) {
	if _, err := KeyID(box); err != nil {
		return nil, err
	}
	header := box[:headerSize]
	a, err := r.aead(header)
	if err != nil {
		return nil, err
	}
	plain, err := a.Open(nil, nil, box[headerSize:], owner(of, header))
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	return plain, nil
}

// KeyID says which root key a box was sealed under.
func KeyID(box []byte) (uint32, error) {
	if len(box) < headerSize || box[0] != boxVersion {
		return 0, errNoBox
	}
	return binary.BigEndian.Uint32(box[1:]), nil
}

// aead is the cipher of the one box that has this header.
func (r *Ring) aead(header []byte) (cipher.AEAD, error) {
	id := binary.BigEndian.Uint32(header[1:])
	root, ok := r.keys[id]
	if !ok {
		return nil, fmt.Errorf("sealed under key %d, which this server does not have", id)
	}
	block, err := aes.NewCipher(derive(root, header[5:], "patchbay/secret/v1"))
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// owner is the associated data of a box. Lengths are prefixed so that ("ab", "c") is not ("a", "bc").
func owner(of []string, header []byte) []byte {
	var b []byte
	for _, f := range of {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return append(b, header...)
}

const (
	checkOwner = "key check"
	checkPlain = "patchbay"
)

// CheckValue is what a store keeps to recognise its keys again: a box that says nothing.
func (r *Ring) CheckValue() []byte {
	box, err := r.Seal([]byte(checkPlain), checkOwner)
	if err != nil {
		panic(err) // a ring always holds its current key, and AES takes every key of 32 bytes
	}
	return box
}

// Verify says whether the ring holds the key that made the check value. The error names the id of the key that is expected (P31).
func (r *Ring) Verify(check []byte) error {
	id, err := KeyID(check)
	if err != nil {
		return fmt.Errorf("key check value: %w", err)
	}
	if _, ok := r.keys[id]; !ok {
		return fmt.Errorf("the stored secrets are sealed under key %d, which the master key does not hold: start with the master key that was used before", id)
	}
	if plain, err := r.Open(check, checkOwner); err != nil || string(plain) != checkPlain {
		return fmt.Errorf("the stored secrets are sealed under another key %d than the master key holds: start with the master key that was used before", id)
	}
	return nil
}
