package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"

	"github.com/wneessen/go-mail"

	"patchbay/connectors/transport"
	"patchbay/secret"
)

// Mail is the server that takes e-mail. The zero Mail is none.
type Mail struct {
	Host     string
	Port     int
	From     string
	User     string // empty: without signing in
	Password secret.Text
	TLS      string         // starttls, tls (from the first byte), off
	Roots    *x509.CertPool // nil: the system's certificate authorities
}

// On says whether e-mail can be sent.
func (m Mail) On() bool { return m.Host != "" }

// errNoMail is for what waits from a time when there was a server.
var errNoMail = &neverError{"No mail server is set up"}

// mail sends a message as plain text, with its results as attachments.
func (s *Sender) mail(ctx context.Context, to string, m Message) error {
	if !s.Mail.On() {
		return errNoMail
	}
	msg := mail.NewMsg()
	if err := msg.From(s.Mail.From); err != nil {
		return &neverError{"The sender's address cannot be used"}
	}
	if err := msg.To(to); err != nil {
		return &neverError{"The recipient's address cannot be used"}
	}
	subject, _, _ := strings.Cut(m.Text, "\n")
	msg.Subject("[Patchbay] " + oneLine(subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers
	msg.SetBodyString(mail.TypeTextPlain, m.Text+"\n")
	for _, r := range m.Results {
		if err := msg.AttachReader(fileName(r.Cell), strings.NewReader(r.CSV), mail.WithFileContentType("text/csv; charset=utf-8")); err != nil {
			return &neverError{"The results cannot be attached"}
		}
	}
	client, err := s.mailClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // taken: what goes wrong while parting is nothing to the recipient
		return nil
	}
	return plainMail(err)
}

func (s *Sender) mailClient() (*mail.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Mail.Host, RootCAs: s.Mail.Roots}
	options := []mail.Option{mail.WithPort(s.Mail.Port), mail.WithTimeout(deliverTime), mail.WithTLSConfig(config),
		mail.WithDialContextFunc(func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := s.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			transport.Established(c) // the library ends ctx when it has signed in
			if s.Mail.TLS != "tls" {
				return c, nil
			}
			encrypted := tls.Client(c, config)
			return encrypted, encrypted.HandshakeContext(ctx)
		})}
	switch s.Mail.TLS {
	case "off":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "tls":
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.Mail.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.Mail.User), mail.WithPassword(s.Mail.Password.Reveal()))
	}
	client, err := mail.NewClient(s.Mail.Host, options...)
	if err != nil {
		return nil, &neverError{"The mail settings cannot be used"}
	}
	return client, nil
}

// fileName is what an attachment is called: what of the cell's name every system takes.
func fileName(cell string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, cell) + ".csv"
}

// oneLine keeps a text in its header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// plainMail is why mail was not taken, without what a server says, which may repeat what it was sent.
func plainMail(err error) error {
	var refused *transport.RefusedError
	var sending *mail.SendError
	switch {
	case errors.As(err, &refused):
		return Words(fmt.Sprintf("The mail server may not be reached: it is %s", refused.Reason))
	case errors.As(err, &sending):
		return Words("The mail server did not take the message: " + sending.Reason.String())
	}
	return Words("The mail server could not be reached, or did not let us in")
}
