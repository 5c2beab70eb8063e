package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// keySize is the length of a root key in bytes.
const keySize = 32

// A Ring holds root keys by id. The current one seals; each one opens what was sealed under it. A key is a Text, so that
// nothing that prints a struct with a ring in it shows one.
type Ring struct {
	current uint32
	keys    map[uint32]Text
}

// NewRing makes a ring of one fresh random key.
func NewRing() *Ring {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &Ring{current: 1, keys: map[uint32]Text{1: New(string(key))}}
}

// ParseRing reads a ring: "id:base64" a line, the last one current, or one bare key in base64 or hex, which has id 1. It
// refuses keys that are not 32 bytes, are no random bytes, or were published as an example (P1). Errors name the line, never
// what is in it.
func ParseRing(text string) (*Ring, error) {
	text = strings.TrimSpace(text)
	if !strings.ContainsAny(text, ":\n") {
		text = "1:" + text
	}
	r := &Ring{keys: map[uint32]Text{}}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := r.add(line); err != nil {
			return nil, fmt.Errorf("master key, line %d: %w", i+1, err)
		}
	}
	return r, nil
}

// add reads one line of a ring.
func (r *Ring) add(line string) error {
	number, encoded, ok := strings.Cut(line, ":")
	if !ok {
		return errors.New("write id:key on each line")
	}
	id, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil || id == 0 {
		return errors.New("the id before the colon must be a whole number from 1")
	}
	if _, twice := r.keys[uint32(id)]; twice {
		return fmt.Errorf("id %d stands twice", id)
	}
	key, err := parseKey(strings.TrimSpace(encoded))
	if err != nil {
		return err
	}
	r.current, r.keys[uint32(id)] = uint32(id), key
	return nil
}

var errNoKey = errors.New("not 32 bytes in base64 or hex; make one with: openssl rand -base64 32")

// parseKey decodes one key. 64 hex digits are also valid base64, of 48 bytes, so hex is asked first.
func parseKey(encoded string) (Text, error) {
	plain, err := hex.DecodeString(encoded)
	if err != nil || len(plain) != keySize {
		std := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
		plain, err = base64.RawStdEncoding.DecodeString(std)
	}
	if known(encoded) || known(string(plain)) {
		return Text{}, errors.New("this key was published as an example, so anybody may have it; make one with: openssl rand -base64 32")
	}
	if err != nil || len(plain) != keySize {
		return Text{}, errNoKey
	}
	if weak(plain) {
		return Text{}, errors.New("this key is not random; make one with: openssl rand -base64 32")
	}
	return New(string(plain)), nil
}

// weak says whether a key is all zero or made of a few bytes over and over. 32 random bytes have fewer than 12 different
// values with a chance below 2^-80.
func weak(key []byte) bool {
	seen := map[byte]bool{}
	for _, b := range key {
		seen[b] = true
	}
	return len(seen) < 12
}

// MarshalFile writes the ring as ParseRing reads it. It is the only way that keys leave a ring.
func (r *Ring) MarshalFile() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(r.keys)) {
		if id != r.current {
			b.WriteString(r.line(id))
		}
	}
	return b.String() + r.line(r.current)
}

func (r *Ring) line(id uint32) string {
	return fmt.Sprintf("%d:%s\n", id, base64.StdEncoding.EncodeToString([]byte(r.keys[id].Reveal())))
}

// CurrentID is the id of the key that seals.
func (r *Ring) CurrentID() uint32 { return r.current }

// Derive makes the 32-byte key for one purpose from the current root key. Keys for different labels tell nothing of each other.
func (r *Ring) Derive(label string) []byte {
	return derive(r.keys[r.current], nil, "patchbay/"+label)
}

// DeriveOthers makes what Derive would from each root key that is not the current one, by id: to check what was made before the
// key was rotated.
func (r *Ring) DeriveOthers(label string) (keys [][]byte) {
	for _, id := range slices.Sorted(maps.Keys(r.keys)) {
		if id != r.current {
			keys = append(keys, derive(r.keys[id], nil, "patchbay/"+label))
		}
	}
	return keys
}

func derive(root Text, salt []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(root.Reveal()), salt, info, keySize)
	if err != nil {
		panic(err) // only for more than 255 hashes of output (RFC 5869, section 2.3)
	}
	return key
}
