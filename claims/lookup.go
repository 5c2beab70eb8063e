package claims

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A found is what a claim holds, in one shape.
type found struct {
	values  []string
	whole   string // of a string that was taken apart at commas: an exact rule may mean it as it is
	unknown string // why it cannot be told; empty: values are all there is
	warning string
}

// oktaLimit is where Okta cuts the list of groups without saying so.
const oktaLimit = 100

// lookup finds a claim by its name or a dotted path, and reads it.
func lookup(claims map[string]any, path string) found {
	if why := leftOut(claims, path); why != "" {
		return found{unknown: why}
	}
	v, ok := at(claims, path)
	if !ok {
		return found{}
	}
	f := read(v)
	if list, ok := v.([]any); ok && len(list) == oktaLimit {
		f.warning = fmt.Sprintf("%s has exactly %d values: some providers cut the list there without saying so", path, oktaLimit)
	}
	return f
}

// leftOut says why a provider did not send a claim that it has: Entra ID names what is too much for a token in _claim_names, or
// sends hasgroups in place of groups.
func leftOut(claims map[string]any, path string) string {
	const words = "the person is in more groups than fit into a token, and the provider left them out"
	if names, ok := claims["_claim_names"].(map[string]any); ok {
		for name := range names {
			if path == name || strings.HasPrefix(path, name+".") {
				return words
			}
		}
	}
	_, sent := claims["groups"]
	has, _ := claims["hasgroups"].(bool)
	if text, ok := claims["hasgroups"].(string); ok {
		has = text == "true"
	}
	if path == "groups" && has && !sent {
		return words
	}
	return ""
}

// at follows a dotted path. A claim's own name may have dots in it, as URLs have: the longest name that is there counts.
func at(claims map[string]any, path string) (any, bool) {
	if v, ok := claims[path]; ok {
		return v, true
	}
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v, ok := at(inner, path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// read takes a string, a comma-separated string, a number, a truth value, or a list of those.
func read(v any) found {
	switch v := v.(type) {
	case nil:
		return found{}
	case []any:
		var all found
		for _, item := range v {
			text, ok := scalar(item)
			if !ok {
				return found{unknown: "it is a list of objects; name a claim that is a list of words"}
			}
			all.values = append(all.values, text)
		}
		return all
	case string:
		return commaSeparated(v)
	}
	if text, ok := scalar(v); ok {
		return found{values: []string{text}}
	}
	return found{unknown: "it is an object; name one of its parts with a dot"}
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// commaSeparated takes a string apart where it has commas.
func commaSeparated(s string) found {
	s = strings.TrimSpace(s)
	if s == "" {
		return found{}
	}
	if !strings.Contains(s, ",") {
		return found{values: []string{s}}
	}
	f := found{whole: s}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			f.values = append(f.values, part)
		}
	}
	return f
}
