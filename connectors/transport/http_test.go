package transport

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What people name is asked through the policy, also where an answer sends on to (P5).
func TestHTTPClientIsGuarded(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		switch r.URL.Path {
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", maxAnswer))
		}
	}))
	t.Cleanup(server.Close)
	get := func(policy Policy, path string) (int, error) {
		answer, err := HTTPClient(policy).Get(server.URL + path)
		if err != nil {
			return 0, err
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		return len(body), err
	}
	if n, err := get(Policy{AllowPrivate: true}, "/"); n != maxAnswer || err != nil {
		t.Errorf("an ordinary answer: %d bytes, %v", n, err)
	}
	var refused *RefusedError
	if _, err := get(Policy{AllowPrivate: true}, "/metadata"); !errors.As(err, &refused) {
		t.Errorf("a redirect to the metadata service: %v", err)
	}
	var large *TooLargeError
	if _, err := get(Policy{AllowPrivate: true}, "/large"); !errors.As(err, &large) {
		t.Errorf("10 MB: %v", err)
	}
	if _, err := get(Policy{AllowPrivate: true}, "/round"); err == nil || !strings.Contains(err.Error(), "too many redirects") {
		t.Errorf("a redirect that never ends: %v", err)
	}
	before := reached
	if _, err := get(Policy{}, "/"); !errors.As(err, &refused) || reached != before {
		t.Errorf("loopback under the strict policy: %v", err)
	}
}
