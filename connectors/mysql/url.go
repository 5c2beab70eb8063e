package mysql

import (
	"net/url"
	"strings"

	"patchbay/connectors"
	"patchbay/secret"
)

// tlsModes are the values of the TLS parameters that drivers of this family know (MySQL's ssl-mode and sslMode, MariaDB's
// sslMode, Go's tls), and what they are here.
var tlsModes = map[string]string{
	"disabled": "disable", "disable": "disable", "false": "disable",
	"required": "require", "trust": "require", "skip-verify": "require",
	"verify_ca": "verify-ca", "verify-ca": "verify-ca",
	"verify_identity": "verify-full", "verify-full": "verify-full", "true": "verify-full",
}

// parseURL reads scheme://user:password@host:port/database?ssl-mode=... Parameters outside an allow-list are refused by
// name: some of this family's drivers read files or run code by parameter (P3).
func parseURL(schemes []string) func(string) (connectors.Values, connectors.Secrets, error) {
	return func(raw string) (connectors.Values, connectors.Secrets, error) {
		rest := ""
		for _, scheme := range schemes {
			if after, ok := strings.CutPrefix(raw, scheme+"://"); ok {
				rest = after
			}
		}
		u, err := url.Parse("mysql://" + rest)
		if rest == "" || err != nil { // the parser's own words hold the password
			return nil, nil, &connectors.FieldError{Key: "url", Words: "Use " + schemes[0] + "://user:password@host:3306/database"}
		}
		values := connectors.Values{"host": u.Hostname(), "port": "3306", "database": strings.TrimPrefix(u.Path, "/"), "user": u.User.Username()}
		if u.Port() != "" {
			values["port"] = u.Port()
		}
		password, _ := u.User.Password()
		secrets := connectors.Secrets{}
		query, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			return nil, nil, &connectors.FieldError{Key: "url", Words: "The part after ? cannot be read"}
		}
		for name, given := range query {
			value := given[len(given)-1]
			switch strings.ToLower(name) {
			case "user":
				values["user"] = value
			case "password":
				password = value
			case "ssl-mode", "sslmode", "tls", "usessl":
				mode, ok := tlsModes[strings.ToLower(value)]
				if !ok {
					return nil, nil, &connectors.FieldError{Key: "url", Words: "The parameter " + name + " has a value that is not known here"}
				}
				values["tls_mode"] = mode
			case "characterencoding", "charset":
				// utf8mb4 is what happens anyway
			default:
				return nil, nil, &connectors.FieldError{Key: "url", Words: "The parameter " + connectors.Visible(name) + " is not known here. Remove it"}
			}
		}
		if password != "" {
			secrets["password"] = secret.New(password)
		}
		return values, secrets, nil
	}
}
