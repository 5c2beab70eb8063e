package connectors

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"patchbay/connectors/transport"
)

// tlsOf is the TLS of a connection. v are effective values.
func (c *Connector) tlsOf(v Values, s Secrets) transport.TLS {
	if c.TLS == TLSNone {
		return transport.TLS{Mode: transport.TLSDisable}
	}
	name := v["tls_server_name"]
	if name == "" {
		name = v["host"]
	}
	return transport.TLS{Mode: transport.TLSMode(v["tls_mode"]), ServerName: name, CA: v["tls_ca"],
		Cert: v["tls_cert"], Key: s["tls_key"].Reveal(), Passphrase: s["tls_key_passphrase"].Reveal()}
}

// checkKeys checks what takes several fields together: that keys open with their passphrases and belong to their
// certificates. Saved secrets cannot be looked at here; Open will.
func (c *Connector) checkKeys(v Values, s Secrets, saved []string, bad map[string]string) {
	kept := func(key string) bool { return slices.Contains(saved, key) && s[key].IsZero() }
	part := (*transport.TLSPartError)(nil)
	if !kept("tls_key") && !kept("tls_key_passphrase") {
		if _, err := c.tlsOf(v, s).Config(nil); errors.As(err, &part) {
			bad[tlsPartField[part.Part]] = part.Words
		}
	}
	if v["ssh_auth"] == "key" && !s["ssh_key"].IsZero() && !kept("ssh_key_passphrase") {
		if _, err := sshSigner(s); errors.As(err, &part) {
			bad[sshPartField[part.Part]] = part.Words
		}
	}
}

// The fields that hold the parts of a TLS or SSH key.
var (
	tlsPartField = map[string]string{"ca": "tls_ca", "cert": "tls_cert", "key": "tls_key", "passphrase": "tls_key_passphrase"}
	sshPartField = map[string]string{"key": "ssh_key", "passphrase": "ssh_key_passphrase"}
)

// sshSigner is the connection's own SSH key.
func sshSigner(s Secrets) (ssh.Signer, error) {
	key, err := transport.ParseKey(s["ssh_key"].Reveal(), s["ssh_key_passphrase"].Reveal())
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromSigner(key)
}

// hopOf is the SSH host in front of the server; nil where there is none. v are effective values.
func (c *Connector) hopOf(v Values, s Secrets, workspace ssh.Signer) (*transport.Hop, error) {
	if v["ssh_enabled"] != "true" {
		return nil, nil
	}
	hop := &transport.Hop{Host: v["ssh_host"], Port: v["ssh_port"], User: v["ssh_user"], HostKey: strings.TrimSpace(v["ssh_host_key"])}
	switch v["ssh_auth"] {
	case "password":
		hop.Password = s["ssh_password"].Reveal()
	case "key":
		signer, err := sshSigner(s)
		if err != nil {
			return nil, err
		}
		hop.Key = signer
	default:
		if workspace == nil {
			return nil, &Error{Cause: CauseTunnel, Message: "the workspace has no SSH key"}
		}
		hop.Key = workspace
	}
	return hop, nil
}
