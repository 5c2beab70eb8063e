package mysql

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"patchbay/connectors"
	"patchbay/secret"
)

// keys are the parameters that are taken from URLs and DSNs, in lower case as the drivers of this family read them, and the
// fields that they fill. Every other is refused by name: drivers read files and run code by parameter (P3).
var keys = map[string]string{
	"host": "host", "port": "port", "dbname": "database", "user": "user", "password": "password",
	"ssl-mode": "tls_mode", "sslmode": "tls_mode", "usessl": "tls_mode", "tls": "tls_mode",
	"charset": "", "characterencoding": "", "collation": "", "parsetime": "", "loc": "", // of no use here
}

// tlsModes are the values of the parameters about TLS, and what they are here. Those that fall back to a connection in clear
// without a word are not among them (P11).
var tlsModes = map[string]string{
	"disabled": "disable", "disable": "disable", "false": "disable",
	"required": "require", "require": "require", "trust": "require", "skip-verify": "require",
	"verify_ca": "verify-ca", "verify-ca": "verify-ca",
	"verify_identity": "verify-full", "verify-full": "verify-full", "true": "verify-full",
}

func refused(words string) error { return &connectors.FieldError{Key: "url", Words: words} }

// parseURL reads scheme://user:password@host:port/database?ssl-mode=..., the same as a JDBC URL, and the DSN of Go programs:
// user:password@tcp(host:port)/database?tls=...
func parseURL(schemes []string, raw string) (connectors.Values, connectors.Secrets, error) {
	p := parsed{connectors.Values{"port": "3306"}, connectors.Secrets{}, map[string]bool{}}
	example := "Use " + schemes[0] + "://user:password@host:3306/database"
	scheme, rest, ok := strings.Cut(raw, "://")
	var parts [][2]string
	var query string
	switch {
	case ok && slices.ContainsFunc(schemes, func(s string) bool { return strings.EqualFold(s, scheme) }):
		parts, query, ok = urlParts(rest)
	case !ok:
		parts, query, ok = dsnParts(raw)
	default:
		ok = false
	}
	if !ok {
		return nil, nil, refused(example)
	}
	for _, part := range parts {
		if part[1] == "" {
			continue
		}
		if err := p.set(part[0], part[1]); err != nil {
			return nil, nil, err
		}
	}
	if err := p.query(query); err != nil {
		return nil, nil, err
	}
	return p.values, p.secrets, nil
}

// urlParts takes apart what stands behind the scheme. The parser's own errors hold the password and are not passed on.
func urlParts(rest string) (parts [][2]string, query string, ok bool) {
	u, err := url.Parse("mysql://" + rest)
	if err != nil {
		return nil, "", false
	}
	password, _ := u.User.Password()
	return [][2]string{
		{"host", u.Hostname()}, {"port", u.Port()}, {"dbname", strings.TrimPrefix(u.Path, "/")}, {"user", u.User.Username()}, {"password", password},
	}, u.RawQuery, true
}

// dsnParts takes a DSN apart, in which nothing but the database and the parameters is escaped: the last slash ends the
// address, the last @ before it the password. https://github.com/go-sql-driver/mysql#dsn-data-source-name
func dsnParts(raw string) (parts [][2]string, query string, ok bool) {
	end := strings.LastIndexByte(raw, '/')
	if end < 0 {
		return nil, "", false
	}
	login, where := "", raw[:end]
	if at := strings.LastIndexByte(where, '@'); at >= 0 {
		login, where = where[:at], where[at+1:]
	}
	address, ok := strings.CutPrefix(where, "tcp(")
	if !ok || !strings.HasSuffix(address, ")") {
		return nil, "", false
	}
	address = strings.TrimSuffix(address, ")")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), ""
	}
	database, query, _ := strings.Cut(raw[end+1:], "?")
	database, err = url.PathUnescape(database)
	user, password, _ := strings.Cut(login, ":")
	return [][2]string{{"host", host}, {"port", port}, {"dbname", database}, {"user", user}, {"password", password}}, query, err == nil
}

// A parsed is what was read so far.
type parsed struct {
	values  connectors.Values
	secrets connectors.Secrets
	seen    map[string]bool
}

// query takes the parameters behind the question mark.
func (p *parsed) query(text string) error {
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, badName := url.QueryUnescape(name)
		value, badValue := url.QueryUnescape(value)
		if badName != nil || badValue != nil {
			return refused("The part after ? cannot be read")
		}
		if err := p.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// set takes one part or parameter.
func (p *parsed) set(name, value string) error {
	shown := connectors.Visible(name)
	key, known := keys[strings.ToLower(name)]
	switch {
	case !known:
		return refused("The parameter " + shown + " is not known here. Remove it")
	case key == "":
		return nil
	case p.seen[key]:
		return refused("The parameter " + shown + " is given twice")
	case strings.ContainsAny(value, "\x00\r\n"):
		return refused("The parameter " + shown + " is more than one line")
	}
	p.seen[key] = true
	switch key {
	case "password":
		p.secrets[key] = secret.New(value)
		return nil
	case "tls_mode":
		mode, ok := tlsModes[strings.ToLower(value)]
		if !ok {
			return refused("Use DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY for " + shown)
		}
		value = mode
	case "host":
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
