package claims

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchbay/access"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var c map[string]any
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Tokens in the shapes that providers really send: what they give by these rules is written down beside them (P38).
func TestShapes(t *testing.T) {
	rules := Rules{Default: access.RoleViewer, Rules: []Rule{
		{Claim: "groups", Value: "pb-admins", Role: access.RoleAdmin},
		{Claim: "groups", Value: "5f1e8f9a-0c3f-4f38-8a6a-2f3f5d3a7c11", Role: access.RoleManager, Group: "Managers"},
		{Claim: "groups", Value: "/Engineering/Data", Group: "Data"},
		{Claim: "groups", Value: "Analysts", Role: access.RoleEditor, Group: "Analysts"},
		{Claim: "groups", Value: "team-*", Group: SameName},
		{Claim: "realm_access.roles", Value: "pb-user", Role: access.RoleExplorer},
		{Claim: "roles", Value: "Patchbay.Editor", Role: access.RoleEditor},
		{Claim: "https://example.com/claims.v1/groups", Value: "Sales", Group: "Sales"},
		{Claim: "hd", Value: "example.com", Group: "Everyone at example.com"},
		{Claim: "internal", Value: "true", Group: "Staff"},
		{Claim: "department", Value: "9007199254740993", Group: "Department"},
	}}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d shapes: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var shape struct {
				Claims json.RawMessage
				Last   Last
				Want   string
			}
			if err := json.Unmarshal(text, &shape); err != nil {
				t.Fatal(err)
			}
			m := Map(rules, parse(t, string(shape.Claims)), shape.Last)
			got := fmt.Sprintf("%s %v", m.Role, m.Groups)
			if m.Stale {
				got += " stale"
			}
			if len(m.Warnings) > 0 {
				got += " warned"
			}
			if got != shape.Want {
				t.Errorf("gives %s, want %s; warnings %v", got, shape.Want, m.Warnings)
			}
			if len(m.Steps) != len(rules.Rules) {
				t.Errorf("%d steps are told of %d rules", len(m.Steps), len(rules.Rules))
			}
		})
	}
}

// Okta cuts a list at a hundred: warned of there, and at no other number.
func TestExactlyAHundredIsWarnedOf(t *testing.T) {
	for n, warned := range map[int]bool{99: false, 100: true, 101: false} {
		var list []any
		for i := range n {
			list = append(list, fmt.Sprint("g", i))
		}
		m := Map(Rules{Rules: []Rule{{Claim: "groups", Value: "g1", Group: "One"}, {Claim: "groups", Value: "g2", Group: "Two"}}}, map[string]any{"groups": list}, Last{})
		if (len(m.Warnings) == 1) != warned || m.Stale || !slices.Equal(m.Groups, []string{"One", "Two"}) {
			t.Errorf("%d groups: %v %v", n, m.Warnings, m.Groups)
		}
	}
}

// The first match gives the role, whatever comes after it; unknown claims keep what was known, and never make or keep an Admin.
func TestRoles(t *testing.T) {
	admin, editor := Rule{Claim: "a", Value: "x", Role: access.RoleAdmin}, Rule{Claim: "b", Value: "x", Role: access.RoleEditor}
	unknown := map[string]any{"_claim_names": map[string]any{"a": "src1"}, "b": "x"}
	both := map[string]any{"a": "x", "b": "x"}
	lower := Rule{Claim: "a", Value: "x", Role: access.RoleViewer}
	adminByB := Rule{Claim: "b", Value: "x", Role: access.RoleAdmin}
	for what, c := range map[string]struct {
		rules  []Rule
		claims map[string]any
		last   access.Role
		or     access.Role
		want   access.Role
	}{
		"first wins":                              {[]Rule{admin, editor}, both, "", "", access.RoleAdmin},
		"first wins downwards":                    {[]Rule{editor, admin}, both, access.RoleAdmin, "", access.RoleEditor},
		"an empty rule":                           {[]Rule{{Claim: "a", Role: access.RoleAdmin}}, map[string]any{"a": "x", "b": ""}, "", "", ""},
		"no rule":                                 {nil, both, access.RoleAdmin, "", ""},
		"no match, default":                       {[]Rule{admin}, map[string]any{}, access.RoleAdmin, access.RoleViewer, access.RoleViewer},
		"a default is never Admin":                {nil, both, "", access.RoleAdmin, ""},
		"unknown, someone new":                    {[]Rule{admin, editor}, unknown, "", "", access.RoleEditor},
		"unknown keeps":                           {[]Rule{admin, editor}, unknown, access.RoleManager, "", access.RoleManager},
		"unknown never keeps Admin":               {[]Rule{admin}, unknown, access.RoleAdmin, access.RoleViewer, access.RoleViewer},
		"unknown never keeps Admin, no default":   {[]Rule{admin}, unknown, access.RoleAdmin, "", ""},
		"unknown before a rule for Admins":        {[]Rule{lower, adminByB}, unknown, "", "", ""},
		"unknown before a rule for Admins, known": {[]Rule{lower, adminByB}, unknown, access.RoleAdmin, "", ""},
		"unknown rule for Admins before another":  {[]Rule{admin, adminByB}, unknown, "", "", access.RoleAdmin},
		"unknown after the match":                 {[]Rule{editor, admin}, unknown, access.RoleAdmin, "", access.RoleEditor},
	} {
		if m := Map(Rules{Rules: c.rules, Default: c.or}, c.claims, Last{Role: c.last}); m.Role != c.want {
			t.Errorf("%s: %q because %s, want %q", what, m.Role, m.Why, c.want)
		}
	}
}

// What cannot be read is said, and is not none.
func TestObjectsAreRefusedClearly(t *testing.T) {
	for _, text := range []string{`{"groups":[{"name":"a"}]}`, `{"groups":{"a":1}}`, `{"groups":[["a"]]}`} {
		m := Map(Rules{Rules: []Rule{{Claim: "groups", Value: "a", Group: "A"}}}, parse(t, text), Last{Groups: []string{"Kept"}})
		if !m.Stale || !slices.Equal(m.Groups, []string{"Kept"}) || len(m.Warnings) != 1 || m.Steps[0].Finding != Unknown || m.Steps[0].Why == "" {
			t.Errorf("%s: %+v", text, m)
		}
	}
}

// A string with commas is a list; a rule may also mean it as it is, as a directory's names are written.
func TestCommasInAName(t *testing.T) {
	const dn = "CN=Analysts,OU=Groups"
	rules := Rules{Rules: []Rule{{Claim: "g", Value: dn, Group: "A"}, {Claim: "g", Value: "CN=*", Group: SameName}}}
	if m := Map(rules, map[string]any{"g": dn}, Last{}); !slices.Equal(m.Groups, []string{"A", "CN=Analysts"}) {
		t.Errorf("gives %v", m.Groups)
	}
	if m := Map(rules, map[string]any{"g": []any{dn}}, Last{}); !slices.Equal(m.Groups, []string{"A", dn}) {
		t.Errorf("in a list it gives %v", m.Groups)
	}
}

// Claims are hostile: nothing panics, and nobody is an Admin without a rule for Admins that matches by itself.
func FuzzClaims(f *testing.F) {
	f.Add(`{"groups":["a","b"]}`, "groups", "a", "manager", "editor")
	f.Add(`{"a.b":{"c":"x,y"},"_claim_names":{"groups":"s"},"hasgroups":"true"}`, "a.b.c", "x*", "admin", "admin")
	f.Add(`{"a":{"b":{"c.d":[1,true,null]}}}`, "a.b.c.d", "*", "", "viewer")
	f.Fuzz(func(t *testing.T, text, claim, value, last, or string) {
		var c map[string]any
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		rules := Rules{Default: access.Role(or), Rules: []Rule{{Claim: "x", Value: value, Role: access.RoleViewer, Group: "X"},
			{Claim: claim, Value: value, Role: access.RoleAdmin}, {Claim: claim, Value: value, Group: SameName}}}
		m := Map(rules, c, Last{Role: access.Role(last), Groups: []string{"kept"}})
		if m.Role != access.RoleAdmin {
			return
		}
		alone := Map(Rules{Rules: rules.Rules[1:2]}, c, Last{})
		if m.Steps[1].Finding != Matched || alone.Role != access.RoleAdmin || alone.Stale {
			t.Errorf("%s makes an Admin: %+v", text, m)
		}
		if without := Map(Rules{Rules: rules.Rules[2:], Default: access.RoleAdmin}, c, Last{Role: access.RoleAdmin}); without.Role == access.RoleAdmin {
			t.Errorf("%s makes an Admin without a rule", text)
		}
	})
}
