package secret

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func seal(t testing.TB, r *Ring, plain string, of ...string) []byte {
	t.Helper()
	box, err := r.Seal([]byte(plain), of...)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func mustNotOpen(t *testing.T, why string, r *Ring, box []byte, of ...string) {
	t.Helper()
	if plain, err := r.Open(box, of...); err == nil || plain != nil {
		t.Errorf("%s: opened as %q", why, plain)
	}
}

func TestSealedSecretOpens(t *testing.T) {
	r := NewRing()
	for _, plain := range []string{"", "x", canary, strings.Repeat("long", 100_000)} {
		box := seal(t, r, plain, "connection", "1", "password")
		got, err := r.Open(box, "connection", "1", "password")
		if err != nil || string(got) != plain {
			t.Fatalf("opened %d bytes, %v; want %d bytes", len(got), err, len(plain))
		}
		if len(plain) > 4 && bytes.Contains(box, []byte(plain[:4])) {
			t.Error("the box shows its secret")
		}
	}
}

func TestSealingTwiceGivesDifferentBoxes(t *testing.T) {
	r := NewRing()
	a, b := seal(t, r, canary, "x"), seal(t, r, canary, "x")
	if bytes.Equal(a, b) || bytes.Equal(a[5:headerSize], b[5:headerSize]) {
		t.Error("each box needs a salt of its own")
	}
}

// A box opens only in its own row and field (P27).
func TestBoxOpensOnlyForItsOwner(t *testing.T) {
	r := NewRing()
	box := seal(t, r, canary, "connection", "1", "password", "db.example.com:5432")
	for _, other := range [][]string{
		{"connection", "2", "password", "db.example.com:5432"},
		{"connection", "1", "ssh_key", "db.example.com:5432"},
		{"connection", "1", "password", "evil.example.com:5432"},
		{"connection", "1", "password"},
		{"connection", "1", "password", "db.example.com:5432", ""},
		{"", "connection", "1", "password", "db.example.com:5432"},
		{"connection", "1password", "db.example.com:5432"},
		{"connection1password"}, {""}, nil,
	} {
		mustNotOpen(t, fmt.Sprintf("as %q", other), r, box, other...)
	}
	mustNotOpen(t, `("ab","c") as ("a","bc")`, r, seal(t, r, canary, "ab", "c"), "a", "bc")
}

func TestDamagedBoxDoesNotOpen(t *testing.T) {
	r := NewRing()
	box := seal(t, r, canary, "x")
	for i := range box {
		for bit := range 8 {
			flipped := slices.Clone(box)
			flipped[i] ^= 1 << bit
			mustNotOpen(t, fmt.Sprintf("byte %d, bit %d flipped", i, bit), r, flipped, "x")
		}
		mustNotOpen(t, fmt.Sprintf("cut to %d", i), r, box[:i], "x")
	}
	mustNotOpen(t, "extended", r, append(slices.Clone(box), 0), "x")
	mustNotOpen(t, "prefixed", r, append([]byte{boxVersion}, box...), "x")
}

// Two boxes of one owner cannot be spliced: head of one, rest of the other.
func TestSplicedBoxDoesNotOpen(t *testing.T) {
	r := NewRing()
	a, b := seal(t, r, canary, "x"), seal(t, r, canary, "x")
	for _, at := range []int{6, headerSize - 1, headerSize, headerSize + 12, len(a) - 16} {
		mustNotOpen(t, fmt.Sprintf("spliced at %d", at), r, append(slices.Clone(a[:at]), b[at:]...), "x")
	}
}

func TestOtherKeyDoesNotOpen(t *testing.T) {
	box := seal(t, NewRing(), canary, "x")
	mustNotOpen(t, "another key of the same id", NewRing(), box, "x")
}

// After a rotation the new key seals and both open; when the old one is gone, its boxes are refused by id.
func TestRotation(t *testing.T) {
	before := NewRing()
	old := seal(t, before, canary, "x")
	after, err := ParseRing(before.MarshalFile() + strings.Replace(NewRing().MarshalFile(), "1:", "7:", 1))
	if err != nil {
		t.Fatal(err)
	}
	fresh := seal(t, after, canary, "x")
	if id, err := KeyID(fresh); err != nil || id != 7 || after.CurrentID() != 7 {
		t.Errorf("sealed under key %d (%v), current %d; want 7", id, err, after.CurrentID())
	}
	for _, box := range [][]byte{old, fresh} {
		if plain, err := after.Open(box, "x"); err != nil || string(plain) != canary {
			t.Errorf("opened %q, %v", plain, err)
		}
	}
	if _, err := before.Open(fresh, "x"); err == nil || !strings.Contains(err.Error(), "key 7") {
		t.Errorf("the error should name the missing key: %v", err)
	}
}

// P31: the store's check value recognises the keys, and the refusal names the key that is expected.
func TestVerify(t *testing.T) {
	mine := NewRing()
	check := mine.CheckValue()
	if err := mine.Verify(check); err != nil {
		t.Error(err)
	}
	rotated, err := ParseRing(mine.MarshalFile() + strings.Replace(NewRing().MarshalFile(), "1:", "2:", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := rotated.Verify(check); err != nil {
		t.Errorf("a ring that still holds the key should be taken: %v", err)
	}
	if err := NewRing().Verify(check); err == nil || !strings.Contains(err.Error(), "another key 1") {
		t.Errorf("another key of the same id: %v", err)
	}
	if err := mine.Verify(rotated.CheckValue()); err == nil || !strings.Contains(err.Error(), "key 2") {
		t.Errorf("a missing key: %v", err)
	}
	if mine.Verify(nil) == nil || mine.Verify(seal(t, mine, "patchbay", "other")) == nil {
		t.Error("what is no check value should be refused")
	}
}

// FuzzSealedBox: whatever bytes come, Open answers with an error or with exactly what was sealed for this owner.
func FuzzSealedBox(f *testing.F) {
	r := NewRing()
	sealed := seal(f, r, canary, "connection", "1", "password")
	f.Add(sealed, "connection")
	f.Add(sealed[:headerSize], "connection")
	f.Add([]byte{}, "")
	f.Add([]byte{boxVersion, 0, 0, 0, 1}, "x")
	f.Fuzz(func(t *testing.T, box []byte, kind string) {
		plain, err := r.Open(box, kind, "1", "password")
		if err == nil && !(bytes.Equal(box, sealed) && kind == "connection" && string(plain) == canary) {
			t.Fatalf("opened a box that was never sealed: %q", plain)
		}
		if err != nil && plain != nil {
			t.Fatal("an error with plaintext")
		}
		again, err := r.Open(seal(t, r, string(box), kind), kind)
		if err != nil || !bytes.Equal(again, box) {
			t.Fatalf("round trip: %v", err)
		}
	})
}
