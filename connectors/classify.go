package connectors

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"patchbay/connectors/transport"
)

// explain turns any error into an *Error that may be shown: with a cause, and with text that holds no secret. nil stays nil.
func (g *guard) explain(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	e := *g.classify(ctx, err)
	if e.Op == "" {
		e.Op = op
	}
	e.Op, e.Message, e.Code, e.Hint = g.redactor.clean(e.Op), g.redactor.clean(e.Message), g.redactor.clean(e.Code), g.redactor.clean(e.Hint)
	return &e
}

// classify finds the cause of an error: from transport, whose types say it; from the family; and else from the types of Go's
// own library. Where ctx has ended, that is why, unless the server said something definite.
func (g *guard) classify(ctx context.Context, err error) *Error {
	if e := reaching(err); e != nil {
		return e
	}
	var e *Error
	if !errors.As(err, &e) && g.connector.Classify != nil {
		e = g.connector.Classify(err)
	}
	if ctx.Err() != nil && (e == nil || !definite[e.Cause]) {
		return ended(context.Cause(ctx))
	}
	if e == nil {
		e = generic(err)
	}
	return e
}

// definite are causes that a server has said in so many words: the end of a ctx does not hide them.
var definite = map[Cause]bool{CauseSignIn: true, CauseDenied: true, CauseNotFound: true, CauseStatement: true, CauseLimit: true, CauseUnsupported: true,
	CauseRefusedPolicy: true, CauseHostKey: true, CauseTunnel: true}

// ended is the error of a ctx that ended.
func ended(cause error) *Error {
	if silent := (*silentError)(nil); errors.As(cause, &silent) {
		return &Error{Cause: CauseTimeout, Message: silent.Error(), Hint: "Ask the server's administrator whether it hangs, and check that no firewall swallows its answers"}
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return &Error{Cause: CauseTimeout, Message: "no answer in time"}
	}
	return &Error{Cause: CauseCancelled}
}

// reaching are the errors of transport; nil where err is none of them.
func reaching(err error) *Error {
	var refused *transport.RefusedError
	var lookup *transport.LookupError
	var unreachable *transport.UnreachableError
	var key *transport.HostKeyError
	var tunnel *transport.TunnelError
	switch {
	case errors.As(err, &refused):
		return &Error{Cause: CauseRefusedPolicy, Message: refused.Address + " is " + refused.Reason}
	case errors.As(err, &lookup):
		return lookupFailed(lookup)
	case errors.As(err, &key):
		e := &Error{Cause: CauseHostKey, Message: key.Error()}
		if key.Want == "" {
			e.Hint = "Test the connection to see the SSH host's key, compare it, and save it with the connection"
		}
		return e
	case errors.As(err, &tunnel):
		return &Error{Cause: CauseTunnel, Message: tunnel.Words}
	case errors.As(err, &unreachable):
		return dialFailed(unreachable)
	}
	return nil
}

func lookupFailed(e *transport.LookupError) *Error {
	switch {
	case e.NotFound:
		return &Error{Cause: CauseAddress, Message: "there is no host of the name " + e.Host}
	case errors.Is(e, context.Canceled):
		return &Error{Cause: CauseCancelled}
	}
	return &Error{Cause: CauseAddress, Message: "the name server did not answer for " + e.Host,
		Hint: "Try again. If it goes on, check the name server of the machine that runs Patchbay"}
}

func dialFailed(e *transport.UnreachableError) *Error {
	var timeout net.Error
	switch {
	case errors.Is(e, context.Canceled):
		return &Error{Cause: CauseCancelled}
	case errors.Is(e, syscall.ECONNREFUSED):
		return &Error{Cause: CauseUnreachable, Message: e.Address + " refused the connection",
			Hint: "Check the port, that the database is running, and that it listens on this address"}
	case errors.As(e, &timeout) && timeout.Timeout():
		return &Error{Cause: CauseTimeout, Message: e.Address + " does not answer",
			Hint: "Check the address, and that the firewall in front of it lets Patchbay's address in"}
	}
	return &Error{Cause: CauseUnreachable, Message: e.Error()}
}

// generic finds the cause by the errors of Go's own library. The text of what it does not know is shown all the same, cleaned.
func generic(err error) *Error {
	if e := tlsFailed(err); e != nil {
		return e
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Cause: CauseCancelled}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Cause: CauseTimeout, Message: "no answer in time"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &Error{Cause: CauseLost, Message: "the server closed the connection"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Cause: CauseUnreachable, Message: "the server refused the connection"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Cause: CauseNotFound, Message: "there is no such file"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Cause: CauseDenied, Message: "Patchbay may not read the file"}
	}
	return &Error{Cause: CauseInternal, Message: err.Error()}
}

// tlsFailed says why encrypting failed; nil where err is not about that.
func tlsFailed(err error) *Error {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var other *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert *net.OpError // crypto/tls does not export what a peer's alert is
	var part *transport.TLSPartError
	e := &Error{Cause: CauseTLS}
	switch {
	case errors.As(err, &name):
		e.Message = fmt.Sprintf("the certificate is for %s, not for %s", certificateNames(name.Certificate), name.Host)
		e.Hint = "Use a host name that the certificate has, or enter one of its names as the server name"
	case errors.As(err, &unknown):
		e.Message = "the certificate is signed by an authority that is not trusted here" + issuer(other, err)
		e.Hint = "Paste the certificate of the authority that signed the server's as the CA certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Message = fmt.Sprintf("the certificate is valid from %s to %s only", invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly))
		e.Hint = "Ask the database's administrator to renew the server's certificate, and check the clock of the machine that runs Patchbay"
	case errors.As(err, &invalid), errors.As(err, &other):
		e.Message = "the certificate cannot be trusted: " + strings.TrimPrefix(err.Error(), "tls: ")
	case errors.As(err, &record):
		e.Message = "what answers there does not speak TLS"
		e.Hint = "Check the port. If the server has no TLS, ask its administrator to turn it on"
	case errors.As(err, &alert) && alert.Op == "remote error":
		e.Message = "the server broke off the TLS handshake: " + strings.TrimPrefix(alert.Err.Error(), "tls: ")
		e.Hint = "Check whether the server asks for a client certificate, and that it offers TLS 1.2 or later"
	case errors.As(err, &part):
		e.Message = part.Error()
	default:
		return nil
	}
	return e
}

// issuer names who signed the certificate that was refused.
func issuer(chain *tls.CertificateVerificationError, err error) string {
	if !errors.As(err, &chain) || len(chain.UnverifiedCertificates) == 0 {
		return ""
	}
	return ": " + chain.UnverifiedCertificates[len(chain.UnverifiedCertificates)-1].Issuer.String()
}

func certificateNames(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return c.Subject.CommonName
	}
	const shown = 5
	if len(names) > shown {
		names = append(names[:shown], "others")
	}
	return strings.Join(names, ", ")
}
