package connectors

import (
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"patchbay/connectors/transport"
)

// The TLS and SSH fields are the same for every connector: families neither forget nor vary them.

// withTLS holds while the connection is encrypted; withChecks while the server's certificate is checked.
var (
	withTLS    = &Cond{Key: "tls_mode", In: []string{string(transport.TLSRequire), string(transport.TLSVerifyCA), string(transport.TLSVerifyFull)}}
	withChecks = &Cond{Key: "tls_mode", In: []string{string(transport.TLSVerifyCA), string(transport.TLSVerifyFull)}}
	withSSH    = &Cond{Key: "ssh_enabled", In: []string{"true"}}
)

func tlsFields(rule TLSRule) []Field {
	mode := Field{Key: "tls_mode", Label: "TLS mode", Kind: Select, Section: SectionTLS, Redirects: true, Default: string(transport.TLSVerifyFull),
		Help: "How the connection is encrypted and whether the server's certificate is checked",
		Choices: []Choice{
			{string(transport.TLSVerifyFull), "Verify the certificate and its host name"},
			{string(transport.TLSVerifyCA), "Verify the certificate, any host name"},
			{string(transport.TLSRequire), "Encrypt without verifying"}}}
	if rule != TLSRequired {
		mode.Choices = append(mode.Choices, Choice{string(transport.TLSDisable), "Off"})
	}
	if rule == TLSConfigurable {
		mode.Default = string(transport.TLSDisable)
	}
	return []Field{mode,
		{Key: "tls_server_name", Label: "Server name", Kind: Text, Section: SectionTLS, Redirects: true, ShowIf: withTLS,
			Help: "The name in the server's certificate, where it is not the host"},
		{Key: "tls_ca", Label: "CA certificate", Kind: PEM, Section: SectionTLS, Redirects: true, ShowIf: withChecks, Check: checkCertificates,
			Help: "The certificates that the server's certificate must be signed by. Empty: those that this machine trusts"},
		{Key: "tls_cert", Label: "Client certificate", Kind: PEM, Section: SectionTLS, Stays: true, ShowIf: withTLS, Check: checkCertificates,
			Help: "For servers that know their users by certificate"},
		{Key: "tls_key", Label: "Client key", Kind: PEM, Section: SectionTLS, Secret: true, ShowIf: withTLS, Help: "The private key of the client certificate"},
		{Key: "tls_key_passphrase", Label: "Passphrase of the client key", Kind: Text, Section: SectionTLS, Secret: true, ShowIf: withTLS},
	}
}

func sshFields() []Field {
	with := func(auth string) *Cond { return &Cond{Key: "ssh_auth", In: []string{auth}} }
	return []Field{
		{Key: "ssh_enabled", Label: "Connect through an SSH tunnel", Kind: Bool, Section: SectionSSH, Redirects: true, Default: "false"},
		{Key: "ssh_host", Label: "SSH host", Kind: Text, Section: SectionSSH, Redirects: true, Required: true, ShowIf: withSSH, Check: CheckHost,
			Placeholder: "bastion.example.com"},
		{Key: "ssh_port", Label: "SSH port", Kind: Number, Section: SectionSSH, Redirects: true, Required: true, ShowIf: withSSH, Default: "22", Check: CheckPort},
		{Key: "ssh_user", Label: "SSH user", Kind: Text, Section: SectionSSH, Redirects: true, Required: true, ShowIf: withSSH},
		{Key: "ssh_auth", Label: "SSH sign-in", Kind: Select, Section: SectionSSH, Stays: true, ShowIf: withSSH, Default: "workspace_key",
			Choices: []Choice{{"workspace_key", "This workspace's key"}, {"key", "A private key"}, {"password", "Password"}},
			Help:    "For the workspace's key, add its public half to the SSH user's authorized_keys"},
		{Key: "ssh_key", Label: "SSH private key", Kind: PEM, Section: SectionSSH, Secret: true, Required: true, ShowIf: with("key")},
		{Key: "ssh_key_passphrase", Label: "Passphrase of the SSH key", Kind: Text, Section: SectionSSH, Secret: true, ShowIf: with("key")},
		{Key: "ssh_password", Label: "SSH password", Kind: Text, Section: SectionSSH, Secret: true, Required: true, ShowIf: with("password")},
		{Key: "ssh_host_key", Label: "SSH host key", Kind: Text, Section: SectionSSH, Redirects: true, ShowIf: withSSH, Check: checkHostKey,
			Placeholder: "ssh-ed25519 AAAA...", Help: "The only key that the SSH host may show. Empty: the one it shows first is kept"},
	}
}

// CheckPort is the check of a TCP port.
func CheckPort(value string) error {
	if port, err := strconv.ParseUint(value, 10, 16); err != nil || port == 0 {
		return Words("Enter a port from 1 to 65535")
	}
	return nil
}

// CheckHost is the check of a host: a name or an address, and nothing that a driver could read as more than that.
func CheckHost(value string) error {
	if strings.ContainsAny(value, " /\\@?#%,;'\"=\t\r\n") || strings.HasPrefix(value, "[") || strings.Contains(value, ":") && net.ParseIP(value) == nil {
		return Words("Enter the host's name or address alone, without a port, user or path")
	}
	return nil
}

func checkCertificates(value string) error {
	if _, err := transport.ParseCertificates(value); err != nil {
		return Words("Paste certificates in PEM form: text that begins with -----BEGIN CERTIFICATE-----")
	}
	return nil
}

func checkHostKey(value string) error {
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(value)); err != nil {
		return Words("Paste a public key as it stands in known_hosts, without the host: ssh-ed25519 AAAA...")
	}
	return nil
}
