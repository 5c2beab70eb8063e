package connectors

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"patchbay/secret"
)

// canary has every character that some encoding changes.
const canary = `p@:/%?#'"\ž-Zx9 Q`

// leaks are the forms of a secret that must be nowhere.
func leaks(text, s string) string {
	hidden := map[string]string{"as it is": s, "its beginning": s[:6], "URL query": url.QueryEscape(s), "URL path": url.PathEscape(s),
		"URL user": strings.TrimPrefix(url.UserPassword("", s).String(), ":"), "hexadecimal": hex.EncodeToString([]byte(s)),
		"base64": base64.StdEncoding.EncodeToString([]byte(s)), "base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(s)),
		"beginning of the base64": base64.StdEncoding.EncodeToString([]byte(s))[:8]}
	for form, found := range hidden {
		if strings.Contains(text, found) || strings.Contains(strings.ToLower(text), strings.ToLower(found)) {
			return form
		}
	}
	return ""
}

func TestRedact(t *testing.T) {
	const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ0x\nQWERTYUIOPasdfghjk123456\n-----END PRIVATE KEY-----\n"
	r := newRedactor(Secrets{"password": secret.New(canary), "key": secret.New(pem), "pin": secret.New("7x")})
	for _, text := range []string{
		canary, canary[:6], canary[:9] + "...", "postgres://me:" + url.QueryEscape(canary) + "@host/db",
		url.URL{User: url.UserPassword("me", canary), Host: "h"}.User.String(), strings.ToLower(url.QueryEscape(canary)),
		base64.StdEncoding.EncodeToString([]byte("me:" + canary)), base64.StdEncoding.EncodeToString([]byte("x:" + canary + "more")),
		base64.URLEncoding.EncodeToString([]byte("ab:" + canary)), hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))),
		canary + canary, "a" + canary[:7] + canary,
	} {
		got := r.clean("cannot connect: " + text + " was refused")
		if form := leaks(got, canary); form != "" {
			t.Errorf("%q leaves the secret %s: %q", text, form, got)
		}
		if !strings.HasPrefix(got, "cannot connect: ") || !strings.HasSuffix(got, " was refused") {
			t.Errorf("%q: the words around it are gone: %q", text, got)
		}
	}
	if got := r.clean("bad line QWERTYUIOPasdfghjk123456 in key"); got != "bad line [secret] in key" {
		t.Errorf("a line of a key: %q", got)
	}
	if got := r.clean("-----BEGIN PRIVATE KEY----- expected, pin 7x, port 7x7"); got != "-----BEGIN PRIVATE KEY----- expected, pin [secret], port 7x7" {
		t.Errorf("got %q", got)
	}
	if got := newRedactor(nil).clean("nothing"); got != "nothing" {
		t.Errorf("got %q", got)
	}
}

func TestCleanIsShortAndVisible(t *testing.T) {
	r := newRedactor(Secrets{"password": secret.New(canary)})
	got := r.clean("one\r\n\ttwo \x1b[31mred\x1b[0m \u202Egnp.exe\u200B \xff\xfe \x00end\x7f\u0085")
	if want := `one two ␛[31mred␛[0m <U+202E>gnp.exe<U+200B> \xFF\xFE ␀end␡<U+0085>`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The secret stands where the text is cut, before cleaning and after.
	for _, at := range []int{maxRedacted, maxMessage} {
		for shift := range 40 {
			got := r.clean(strings.Repeat("é", (at-shift)/2) + canary + strings.Repeat("y", 1<<20))
			if len(got) > maxMessage || !utf8.ValidString(got) || leaks(got, canary) != "" {
				t.Fatalf("cut at %d-%d: %d bytes, leaks %q", at, shift, len(got), leaks(got, canary))
			}
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add(canary, "dial postgres://me:", "@host: refused")
	f.Add("secret", "[", "]")
	f.Add("aaaaaaaaaaaa", "aaaa", "aaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, s, before, after string) {
		s = strings.TrimSpace(s)
		if len(s) < 8 || strings.ContainsAny(s, "\r\n") || strings.HasPrefix(s, "-----") || strings.Contains(redacted, s[:shortestPrefix]) {
			t.Skip() // more than one secret, none, or part of the mark itself
		}
		r := newRedactor(Secrets{"x": secret.New(s)})
		for _, form := range []string{s, url.QueryEscape(s), hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(before + s))} {
			if got := r.redact(before + form + after); strings.Contains(got, s) {
				t.Errorf("%q is in %q", s, got)
			}
		}
		if got := r.clean(before + s + after); len(got) > maxMessage || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
		}
	})
}
