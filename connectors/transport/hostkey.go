package transport

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Fingerprint is how people compare an SSH key: its type and SHA256 fingerprint.
func Fingerprint(key ssh.PublicKey) string {
	return ssh.FingerprintSHA256(key) + " (" + key.Type() + ")"
}

// parseHostKey reads a key as known_hosts and authorized_keys have it, without a host.
func parseHostKey(line string) (ssh.PublicKey, error) {
	if line == "" {
		return nil, errors.New("no key")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	return key, err
}

func fingerprintOf(line string) string {
	key, err := parseHostKey(line)
	if err != nil {
		return "a key that cannot be read"
	}
	return Fingerprint(key)
}

// algorithms are the host key algorithms to offer, those of the pinned key's type first: a host with several keys then shows
// the one that we know. An RSA key signs by SHA-2 (RFC 8332), never by SHA-1.
func algorithms(kind string) []string {
	first := []string{kind}
	if kind == ssh.KeyAlgoRSA {
		first = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return append(first, slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(a string) bool { return slices.Contains(first, a) })...)
}

// checkHostKey compares the key that the host shows with the one that is pinned, or offers it for pinning.
func (t *Tunnel) checkHostKey(key ssh.PublicKey) error {
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	wrong := &HostKeyError{Host: t.hop.Host, Got: Fingerprint(key), GotKey: line}
	known := t.pinned()
	if known == "" {
		if t.hop.Pin == nil {
			return wrong
		}
		if err := t.hop.Pin(line); err != nil {
			return err
		}
		t.pin(line)
		t.dialer.trace(StageSSHHostKey, Fingerprint(key)+", seen for the first time")
		return nil
	}
	pinned, err := parseHostKey(known)
	if err != nil || string(pinned.Marshal()) != string(key.Marshal()) {
		wrong.Want = fingerprintOf(known)
		return wrong
	}
	t.dialer.trace(StageSSHHostKey, Fingerprint(key)+", as before")
	return nil
}

func (t *Tunnel) pinned() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hop.HostKey
}

// pin makes the key the only one that later sessions of this tunnel take.
func (t *Tunnel) pin(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hop.HostKey = line
}
