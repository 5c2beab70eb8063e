package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Parameters of argon2id (OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane).
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltSize  = 16
	hashSize  = 32
)

const (
	minPassword = 12
	maxPassword = 200
)

//go:embed passwords.txt
var passwordsFile string

// common are passwords that are tried first everywhere, of those that are long enough for the rule on length.
var common = strings.Fields(passwordsFile)

// HashPassword checks that a password is fit to protect an account and hashes it for the store, in PHC form. A password that is
// not fit is a *FieldError of the field password.
func (a *Auth) HashPassword(ctx context.Context, password string) (string, error) {
	if words := checkPassword(password); words != "" {
		return "", &FieldError{"password", words}
	}
	if err := a.slots.take(ctx); err != nil {
		return "", err
	}
	defer a.slots.release()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return phc(salt, derive(password, salt, memoryKiB, passes, lanes, hashSize)), nil
}

// checkPassword says what is wrong with a new password; nothing else than length and being known is asked for (NIST SP 800-63B).
func checkPassword(password string) string {
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		return fmt.Sprintf("Use at least %d characters; a few words in a row are easy to remember", minPassword)
	case n > maxPassword:
		return fmt.Sprintf("Use at most %d characters", maxPassword)
	case slices.Contains(common, strings.ToLower(password)):
		return "This password is on the lists that attackers try first. Choose another"
	}
	return ""
}

// verify says whether a password is the one that was hashed. With no hash it does the same work and says no, so that the time
// tells nothing about the account (P50).
func (a *Auth) verify(ctx context.Context, stored, password string) (bool, error) {
	if err := a.slots.take(ctx); err != nil {
		return false, err
	}
	defer a.slots.release()
	if stored == "" {
		stored = noHash
	}
	h, err := parsePHC(stored)
	if err != nil {
		return false, err
	}
	if utf8.RuneCountInString(password) > maxPassword {
		password = "" // no password is longer or empty
	}
	got := derive(password, h.salt, h.memory, h.passes, h.lanes, uint32(len(h.hash)))
	return subtle.ConstantTimeCompare(got, h.hash) == 1 && password != "", nil
}

// noHash stands in where there is none. It is not the hash of anything: all its bytes are zero.
var noHash = phc(make([]byte, saltSize), make([]byte, hashSize))

// derive runs argon2id over the password in one Unicode form, since keyboards differ in how they type the same letters.
func derive(password string, salt []byte, memory, passes uint32, lanes uint8, size uint32) []byte {
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, passes, memory, lanes, size)
}

func phc(salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes, b64(salt), b64(hash))
}

// A hashed password carries its own parameters, so that they can be raised for new ones.
type hashed struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

var errHash = errors.New("the stored password hash cannot be read")

func parsePHC(s string) (h hashed, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil || h.passes == 0 || h.lanes == 0 {
		return h, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return h, errHash
	}
	hash, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(hash) == 0 {
		return h, errHash
	}
	h.salt, h.hash = salt, hash
	return h, nil
}

// slots bound how many passwords are hashed at once, and how many wait for it: each takes 19 MiB and some 20 ms of a core.
type slots struct {
	free    chan struct{}
	waiting atomic.Int32
}

const (
	maxHashing = 2
	maxWaiting = 32
)

func newSlots() *slots { return &slots{free: make(chan struct{}, maxHashing)} }

// take waits for a slot; when too many wait already it refuses at once.
func (s *slots) take(ctx context.Context) error {
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return &LimitedError{Wait: time.Second}
	}
	defer s.waiting.Add(-1)
	select {
	case s.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slots) release() { <-s.free }
