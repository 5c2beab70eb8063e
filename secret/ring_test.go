package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func freshKey() []byte { return []byte(NewRing().keys[1].Reveal()) }

func encode(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

func TestParseRingReadsItsForms(t *testing.T) {
	key := freshKey()
	for name, text := range map[string]string{
		"base64":          encode(key),
		"with new lines":  "\n " + encode(key) + "\r\n\n",
		"no padding":      base64.RawStdEncoding.EncodeToString(key),
		"URL alphabet":    base64.URLEncoding.EncodeToString(key),
		"hex":             hex.EncodeToString(key),
		"upper-case hex":  strings.ToUpper(hex.EncodeToString(key)),
		"with its id":     "1:" + encode(key),
		"with id and hex": "1: " + hex.EncodeToString(key),
	} {
		r, err := ParseRing(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.CurrentID() != 1 || r.keys[1].Reveal() != string(key) {
			t.Errorf("%s: another key came out", name)
		}
	}
}

func TestMarshalFileRoundTrip(t *testing.T) {
	text := strings.Replace(NewRing().MarshalFile(), "1:", "9:", 1) + strings.Replace(NewRing().MarshalFile(), "1:", "4:", 1)
	r, err := ParseRing(text)
	if err != nil {
		t.Fatal(err)
	}
	if r.CurrentID() != 4 {
		t.Errorf("the last line is current, got %d", r.CurrentID())
	}
	if r.MarshalFile() != text {
		t.Error("a ring should be written as it was read")
	}
}

// The server refuses to start with what is no secret key, says why, and does not repeat it (P1).
func TestParseRingRefuses(t *testing.T) {
	good := encode(freshKey())
	repeated := bytes.Repeat([]byte("abcd"), 8)
	for name, c := range map[string]struct{ text, why string }{
		"nothing":              {"", "32 bytes"},
		"blank":                {" \n ", "32 bytes"},
		"31 bytes":             {encode(make([]byte, 31)), "32 bytes"},
		"33 bytes":             {encode(bytes.Repeat([]byte("q"), 33)), "32 bytes"},
		"a sentence":           {"correct horse battery staple!", "32 bytes"},
		"all zero":             {encode(make([]byte, 32)), "not random"},
		"all zero in hex":      {strings.Repeat("0", 64), "not random"},
		"one byte":             {encode(bytes.Repeat([]byte{0xff}, 32)), "not random"},
		"four bytes repeated":  {encode(repeated), "not random"},
		"counted bytes":        {encode([]byte(published[1])), "published"},
		"counted bytes in hex": {published[0], "published"},
		"published text":       {"thisISaSECRET_1234", "published"},
		"published encoded":    {encode([]byte("0123456789abcdef0123456789abcdef")), "published"},
		"published behind id":  {"3:" + encode([]byte("0123456789abcdef0123456789abcdef")), "published"},
		"id zero":              {"0:" + good, "whole number"},
		"id a word":            {"first:" + good, "whole number"},
		"id too large":         {"4294967296:" + good, "whole number"},
		"id twice":             {"1:" + good + "\n1:" + good, "twice"},
		"bare after id":        {"1:" + good + "\n" + good, "id:key"},
		"id after bare":        {good + "\n1:" + good, "id:key"},
		"second line bad":      {"1:" + good + "\n2:" + encode(make([]byte, 32)), "line 2"},
	} {
		r, err := ParseRing(c.text)
		switch {
		case err == nil:
			t.Errorf("%s: taken, with current id %d", name, r.CurrentID())
		case !strings.Contains(err.Error(), c.why):
			t.Errorf("%s: %q should say %q", name, err, c.why)
		case strings.Contains(err.Error(), good) || (len(c.text) > 8 && strings.Contains(err.Error(), strings.TrimSpace(c.text))):
			t.Errorf("%s: the error repeats the key", name)
		}
	}
}

func TestEveryPublishedKeyIsRefused(t *testing.T) {
	for _, p := range published {
		for _, text := range []string{p, encode([]byte(p)), hex.EncodeToString([]byte(p)), "5:" + encode([]byte(p))} {
			if _, err := ParseRing(text); err == nil {
				t.Errorf("%q is taken as %q", p, text)
			}
		}
	}
}

func TestDerive(t *testing.T) {
	r := NewRing()
	a, b := r.Derive("audit-mac"), r.Derive("session/v1")
	if len(a) != 32 || bytes.Equal(a, b) || string(a) == r.keys[1].Reveal() {
		t.Error("each purpose needs 32 bytes of its own")
	}
	if !bytes.Equal(a, r.Derive("audit-mac")) {
		t.Error("the same purpose has the same key")
	}
	if bytes.Equal(a, NewRing().Derive("audit-mac")) {
		t.Error("another root gives another key")
	}
}
