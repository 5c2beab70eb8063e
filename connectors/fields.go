package connectors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"patchbay/secret"
)

// maxValue bounds one field: the largest is a bundle of certificates.
const maxValue = 256 << 10

// Parse splits what was filled in into plain values and secrets, once, at the door. Keys that the connector does not declare
// are refused by name; what was refused is in neither map. Empty values are left out.
func (c *Connector) Parse(in map[string]string) (Values, Secrets, map[string]string) {
	values, secrets, bad := Values{}, Secrets{}, map[string]string{}
	for key, given := range in {
		f, known := c.field(key)
		switch {
		case !known:
			bad[key] = fmt.Sprintf("%s has no field of the name %s", c.Name, Visible(key))
		case len(given) > maxValue:
			bad[key] = "This is too long"
		case f.Secret && given != "":
			secrets[key] = secret.New(given)
		case !f.Secret:
			if v := strings.TrimSpace(given); v != "" {
				values[key] = v
			}
		}
	}
	return values, secrets, bad
}

// Check says which fields need a change, in words for people by field. saved are the secrets that are kept already. In a draft
// required fields may be empty; what is filled in must be right all the same.
func (c *Connector) Check(v Values, s Secrets, saved []string, draft bool) map[string]string {
	bad := map[string]string{}
	for key := range v {
		if f, known := c.field(key); !known || f.Secret {
			bad[key] = fmt.Sprintf("%s has no plain field of the name %s", c.Name, Visible(key))
		}
	}
	for key := range s {
		if f, known := c.field(key); !known || !f.Secret {
			bad[key] = fmt.Sprintf("%s has no secret of the name %s", c.Name, Visible(key))
		}
	}
	effective := c.effective(v)
	for _, f := range c.AllFields() {
		if words := c.checkField(f, effective, s, slices.Contains(saved, f.Key), draft); words != "" {
			bad[f.Key] = words
		}
	}
	if len(bad) == 0 {
		c.checkKeys(effective, s, saved, bad)
	}
	return bad
}

func (c *Connector) checkField(f Field, effective Values, s Secrets, saved, draft bool) string {
	if !c.shown(f, effective) {
		return ""
	}
	value := effective[f.Key]
	if f.Secret {
		value = s[f.Key].Reveal()
	}
	switch {
	case value == "" && f.Required && !draft && !saved:
		return "Fill this in"
	case value == "":
		return ""
	case !f.offers(value) && f.Kind == Number:
		return "Enter a whole number"
	case !f.offers(value):
		return "Choose one of the list"
	case f.Kind != Lines && f.Kind != PEM && f.Kind != JSON && strings.ContainsAny(value, "\x00\r\n"):
		return "This must be one line"
	case f.Check != nil:
		if err := f.Check(value); err != nil {
			return err.Error()
		}
	}
	return ""
}

// shown says whether a field is asked for: its condition holds, and the field that it depends on is shown itself.
func (c *Connector) shown(f Field, effective Values) bool {
	if f.ShowIf == nil {
		return true
	}
	on, ok := c.field(f.ShowIf.Key)
	return ok && slices.Contains(f.ShowIf.In, effective[on.Key]) && c.shown(on, effective)
}

// effective is v as Open sees it: with defaults filled in, and without fields that are not shown.
func (c *Connector) effective(v Values) Values {
	fields := c.AllFields()
	all := Values{}
	for _, f := range fields {
		if f.Secret {
			continue
		}
		if all[f.Key] = v[f.Key]; all[f.Key] == "" {
			all[f.Key] = f.Default
		}
	}
	out := maps.Clone(all)
	for _, f := range fields {
		if !c.shown(f, all) || out[f.Key] == "" {
			delete(out, f.Key)
		}
	}
	return out
}

// Destination is a digest of everything that decides where secrets are sent and to whom they are shown: two sets of values
// with the same digest send them to the same place (PROMISES P12).
func (c *Connector) Destination(v Values) string {
	effective := c.effective(v)
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n", c.Type)
	for _, f := range c.AllFields() {
		if f.Redirects {
			fmt.Fprintf(sum, "%q %q\n", f.Key, effective[f.Key])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Host is where a connection points to, for lists: host and port, or the first field that says it for products without a host.
func (c *Connector) Host(v Values) string {
	effective := c.effective(v)
	if host, port := effective["host"], effective["port"]; host != "" && port != "" {
		return net.JoinHostPort(host, port)
	}
	for _, f := range c.Fields {
		if f.Redirects && effective[f.Key] != "" {
			return effective[f.Key]
		}
	}
	return ""
}
