package postgres

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"patchbay/connectors"
	"patchbay/secret"
)

// example is what a URL should look like, for those who entered something else.
const example = "Use postgres://user:password@host:5432/database"

// keys are the parameters that are taken from URLs and connection strings, and the fields that they fill. Every other is
// refused by name: drivers read files, options and other servers from parameters (P3).
var keys = map[string]string{
	"host": "host", "port": "port", "dbname": "database", "database": "database", "user": "user", "password": "password",
	"sslmode": "tls_mode", "ssl": "ssl",
	"application_name": "", "ApplicationName": "", "connect_timeout": "", "connectTimeout": "", // of no use here
}

// tlsModes are the values of sslmode that never fall back to a connection in clear (P11).
var tlsModes = []string{"require", "verify-ca", "verify-full"}

// parseURL reads postgres://user:password@host:port/database?sslmode=..., the same with postgresql:// and jdbc:postgresql://,
// and connection strings of the form host=... dbname=...
func parseURL(raw string) (connectors.Values, connectors.Secrets, error) {
	p := parsed{connectors.Values{}, connectors.Secrets{}, map[string]bool{}}
	var err error
	if rest, ok := cutScheme(raw); ok {
		err = p.url(rest)
	} else {
		err = p.pairs(raw)
	}
	if err != nil {
		return nil, nil, err
	}
	if p.values["port"] == "" {
		p.values["port"] = "5432"
	}
	return p.values, p.secrets, nil
}

func cutScheme(raw string) (rest string, ok bool) {
	for _, scheme := range []string{"postgres://", "postgresql://", "jdbc:postgresql://"} {
		if len(raw) >= len(scheme) && strings.EqualFold(raw[:len(scheme)], scheme) {
			return raw[len(scheme):], true
		}
	}
	return "", false
}

func refused(words string) error { return &connectors.FieldError{Key: "url", Words: words} }

// A parsed is what was read so far.
type parsed struct {
	values  connectors.Values
	secrets connectors.Secrets
	seen    map[string]bool
}

// set takes one parameter.
func (p *parsed) set(name, value string) error {
	key, known := keys[name]
	switch {
	case !known:
		return refused("The parameter " + connectors.Visible(name) + " is not known here. Remove it")
	case key == "":
		return nil
	case p.seen[key]:
		return refused("The parameter " + name + " is given twice")
	case strings.ContainsAny(value, "\x00\r\n"):
		return refused("The parameter " + name + " is more than one line")
	}
	p.seen[key] = true
	switch key {
	case "password":
		p.secrets[key] = secret.New(value)
		return nil
	case "ssl":
		if value != "true" {
			return refused("PostgreSQL is reached with TLS alone. Remove the parameter ssl")
		}
		return nil
	case "tls_mode":
		if !slices.Contains(tlsModes, value) {
			return refused("Use require, verify-ca or verify-full for sslmode: PostgreSQL is reached with TLS alone")
		}
	case "host":
		if strings.Contains(value, ",") {
			return refused("Enter one host")
		}
		if err := connectors.CheckHost(value); err != nil {
			return &connectors.FieldError{Key: key, Words: err.Error()}
		}
	case "port":
		if err := connectors.CheckPort(value); err != nil {
			return &connectors.FieldError{Key: key, Words: err.Error()}
		}
	}
	p.values[key] = value
	return nil
}

// url reads what stands behind the scheme. The parser's own errors hold the password and are not passed on.
func (p *parsed) url(rest string) error {
	u, err := url.Parse("postgres://" + rest)
	if err != nil {
		return refused(example)
	}
	password, _ := u.User.Password()
	for _, part := range [][2]string{
		{"host", u.Hostname()}, {"port", u.Port()}, {"dbname", strings.TrimPrefix(u.Path, "/")}, {"user", u.User.Username()}, {"password", password},
	} {
		if part[1] == "" {
			continue
		}
		if err := p.set(part[0], part[1]); err != nil {
			return err
		}
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, err := unescapePair(pair)
		if err != nil {
			return refused("The part after ? cannot be read")
		}
		if err := p.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// unescapePair leaves a plus as it is: it is no space in PostgreSQL's URLs.
func unescapePair(pair string) (name, value string, err error) {
	name, value, _ = strings.Cut(pair, "=")
	if name, err = url.PathUnescape(name); err != nil {
		return "", "", err
	}
	value, err = url.PathUnescape(value)
	return name, value, err
}

// pairs reads name=value divided by spaces, values in single quotes where they hold any, a backslash before what is meant as
// it stands. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
func (p *parsed) pairs(text string) error {
	const space = " \t\r\n"
	for text = strings.TrimLeft(text, space); text != ""; text = strings.TrimLeft(text, space) {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			return refused(example)
		}
		value, after, err := pairValue(strings.TrimLeft(rest, space))
		if err != nil {
			return refused(example)
		}
		if err := p.set(strings.Trim(name, space), value); err != nil {
			return err
		}
		text = after
	}
	if len(p.seen) == 0 {
		return refused(example)
	}
	return nil
}

var errQuote = errors.New("a quote is not closed")

// pairValue cuts one value off the front of text.
func pairValue(text string) (value, rest string, err error) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		case quoted && c == '\'':
			return out.String(), text[i+1:], nil
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			return out.String(), text[i:], nil
		default:
			out.WriteByte(c)
		}
	}
	if quoted {
		return "", "", errQuote
	}
	return out.String(), "", nil
}
