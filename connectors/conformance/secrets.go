package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// leaks is the form in which a secret is found in what is printed; empty where it is not.
func leaks(printed any, secret string) string {
	text := strings.ToLower(fmt.Sprintf("%+v", printed))
	for form, found := range map[string]string{
		"as it is": secret, "by its beginning": secret[:6], "URL-encoded": url.QueryEscape(secret), "as a URL's path": url.PathEscape(secret),
		"in hexadecimal": hex.EncodeToString([]byte(secret)), "in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)),
		"in base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if strings.Contains(text, strings.ToLower(found)) {
			return form
		}
	}
	return ""
}
