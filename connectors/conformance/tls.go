package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"time"

	"patchbay/connectors"
	"patchbay/secret"
)

var tlsChecks = []check{
	{"TLS modes", needsTLS, checkTLSModes},
	{"TLS wrong name", needsTLS, checkTLSWrongName},
	{"TLS wrong authority", needsTLS, checkTLSWrongAuthority},
	{"TLS bad certificates", needsTLS, checkTLSBadCertificates},
	{"TLS refused", needsPlainServer, checkTLSRefused},
	{"TLS required", needsTLS, checkTLSRequired},
	{"TLS client certificate", needsClientCertificate, checkTLSClientCertificate},
	{"nothing in the clear", needsTLS, checkNothingInTheClear},
}

func needsPlainServer(s *Subject) string {
	if s.TLS == nil || s.TLS.Plain == nil {
		return "no server without TLS"
	}
	return ""
}

func needsClientCertificate(s *Subject) string {
	if s.TLS == nil || s.TLS.ClientCert == "" {
		return "no sign-in by certificate"
	}
	return ""
}

// verified are the fields of a fully verified connection.
func (s *Subject) verified(mode string) connectors.Values {
	v := connectors.Values{"tls_mode": mode, "tls_ca": s.TLS.CA}
	if s.TLS.ServerName != "" {
		v["tls_server_name"] = s.TLS.ServerName
	}
	return v
}

func checkTLSModes(t *T, s *Subject) {
	for _, mode := range []string{"require", "verify-ca", "verify-full"} {
		report := t.test(s.request(s.verified(mode)))
		fact := ""
		for _, step := range report.Steps {
			if step.Name == connectors.StepTLS {
				fact = step.Detail
			}
		}
		unverified := strings.HasSuffix(fact, "not verified")
		if !report.OK || !strings.HasPrefix(fact, "TLS 1.") || !strings.Contains(fact, "expires") || unverified != (mode == "require") {
			t.Errorf("%s: OK %v, TLS step %q: %+v", mode, report.OK, fact, report.Steps)
		}
	}
}

func checkTLSWrongName(t *T, s *Subject) {
	name := connectors.Values{"tls_server_name": "nosuch.example"}
	t.refused(s.request(s.verified("verify-full"), name), connectors.CauseTLS)
	t.open(s.request(s.verified("verify-ca"), name))
}

func checkTLSWrongAuthority(t *T, s *Subject) {
	other := connectors.Values{"tls_ca": t.authority()}
	for _, mode := range []string{"verify-ca", "verify-full"} {
		t.refused(s.request(s.verified(mode), other), connectors.CauseTLS)
		t.refused(s.request(s.verified(mode), connectors.Values{"tls_ca": ""}), connectors.CauseTLS)
	}
	t.open(s.request(s.verified("require"), other))
}

// authority is the certificate of an authority that has signed nothing.
func (t *T) authority() string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Nobody's authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func checkTLSBadCertificates(t *T, s *Subject) {
	for name, c := range map[string]struct {
		server connectors.Values
		ca     bool // whether verify-ca is content
	}{"expired": {s.TLS.Expired, false}, "wrong name": {s.TLS.WrongName, true}, "other authority": {s.TLS.OtherCA, false}} {
		if c.server == nil {
			continue
		}
		full := s.request(connectors.Values{"tls_mode": "verify-full", "tls_ca": s.TLS.CA, "tls_server_name": ""}, c.server)
		if e := t.refused(full, connectors.CauseTLS); e.Hint == "" {
			t.Errorf("%s: no hint: %+v", name, e)
		}
		ca := s.request(connectors.Values{"tls_mode": "verify-ca", "tls_ca": s.TLS.CA, "tls_server_name": ""}, c.server)
		if c.ca {
			t.encrypts(name, ca)
		} else {
			t.refused(ca, connectors.CauseTLS)
		}
		t.encrypts(name, s.request(connectors.Values{"tls_mode": "require", "tls_ca": "", "tls_server_name": ""}, c.server))
	}
}

// encrypts checks that TLS is content with a server, whose password may be another.
func (t *T) encrypts(name string, req connectors.Request) {
	t.Helper()
	for _, step := range t.test(req).Steps {
		if step.Name == connectors.StepTLS && step.OK {
			return
		}
	}
	t.Errorf("%s: mode %s is not content", name, req.Values["tls_mode"])
}

// A server that has no TLS gets no password, in any mode that asks for TLS (PROMISES P11).
func checkTLSRefused(t *T, s *Subject) {
	plain := *s
	plain.Values = maps.Clone(s.Values)
	maps.Copy(plain.Values, s.TLS.Plain)
	p := startProxy(t, &plain)
	const canary = "canary-4711"
	for _, mode := range []string{"require", "verify-ca", "verify-full"} {
		req := plain.request(connectors.Values{"tls_mode": mode, "tls_ca": s.TLS.CA}, p.values())
		if mode == "require" {
			delete(req.Values, "tls_ca")
		}
		req.Secrets["password"] = secret.New(canary)
		t.refused(req, connectors.CauseTLS)
		if p.heard(canary) || p.heard(req.Values["user"]) {
			t.Errorf("%s: user or password were sent in the clear", mode)
		}
	}
	if p.accepted.Load() == 0 {
		t.Errorf("the server was never reached")
	}
}

// A product that requires TLS cannot be saved without.
func checkTLSRequired(t *T, s *Subject) {
	off := s.request(connectors.Values{"tls_mode": "disable"})
	bad := s.Connector.Check(off.Values, off.Secrets, nil, false)
	if required := s.Connector.TLS == connectors.TLSRequired; (bad["tls_mode"] != "") != required {
		t.Errorf("mode disable: %v, required %v", bad, required)
	}
}

func checkTLSClientCertificate(t *T, s *Subject) {
	req := s.request(s.verified("verify-full"), connectors.Values{"tls_cert": s.TLS.ClientCert}, s.TLS.ClientValue)
	delete(req.Secrets, "password")
	req.Secrets["tls_key"] = secret.New(s.TLS.ClientKey)
	t.open(req)
	delete(req.Values, "tls_cert")
	delete(req.Secrets, "tls_key")
	t.refused(req, connectors.CauseSignIn, connectors.CauseTLS)
}

func checkNothingInTheClear(t *T, s *Subject) {
	p := startProxy(t, s)
	src := t.open(s.request(s.verified("verify-full"), p.values()))
	t.one(src, "select 'said-4711'")
	if p.heard(s.Secrets["password"].Reveal()) || p.heard("said-4711") {
		t.Errorf("password or statement were sent in the clear")
	}
	if p.accepted.Load() == 0 {
		t.Errorf("the proxy was not used")
	}
}
