// Package claims turns what a sign-in provider says of a person into a role and groups, by rules that an Admin wrote. It is
// pure: the same claims, rules and last known state give the same answer, with every step told, so that a sign-in and a dry run
// cannot disagree.
package claims

import (
	"fmt"
	"slices"
	"strings"

	"patchbay/access"
)

// SameName in a rule's Group stands for a group that is called like the value.
const SameName = "*"

// A Rule says what a value of a claim gives. Of several that match, the first decides on the role; groups add up.
type Rule struct {
	Claim string      `json:"claim"`           // a claim's name, or a dotted path into one: "groups", "realm_access.roles"
	Value string      `json:"value"`           // exact; with a * at its end every value that begins so
	Role  access.Role `json:"role,omitempty"`  // empty: none
	Group string      `json:"group,omitempty"` // name of a group, or SameName; empty: none
}

// meant are the values that a rule means.
func (f found) meant(r Rule) (values []string) {
	start, open := strings.CutSuffix(r.Value, "*")
	for _, v := range f.values {
		if v == r.Value || open && strings.HasPrefix(v, start) {
			values = append(values, v)
		}
	}
	if f.whole != "" && f.whole == r.Value {
		values = append(values, f.whole)
	}
	return values
}

// group is the name of the group that a matching value gives.
func (r Rule) group(value string) string {
	if r.Group == SameName {
		return strings.TrimSpace(value)
	}
	return r.Group
}

// Rules are what an Admin decided for one provider.
type Rules struct {
	Rules   []Rule
	Default access.Role // of those whom no rule gives a role; empty: they cannot sign in. Never Admin
}

// A Last is what is known of a person from the sign-in before. The zero Last is someone new.
type Last struct {
	Role   access.Role
	Groups []string // names of the groups that came from the provider
}

// A Finding is how one rule came out.
type Finding string

// The findings.
const (
	Matched   Finding = "matched"
	NotThere  Finding = "not matched"
	Unknown   Finding = "unknown"     // the provider did not say, or not so that it can be read
	Overruled Finding = "overruled"   // it matched, and a rule before it decided on the role
	Withheld  Finding = "not granted" // it matched and would make an Admin, while a rule before it is unknown
)

// A Step is one rule with its outcome.
type Step struct {
	Rule    Rule
	Finding Finding
	Values  []string // what the claim holds, at most a few
	Why     string   // why it is unknown
}

// A Mapping is what claims give.
type Mapping struct {
	Role     access.Role // empty: no rule gives one and there is no default
	Why      string      // what decided on the role, for people
	Groups   []string    // names, sorted
	Stale    bool        // something is unknown: what was known last was kept
	Steps    []Step
	Warnings []string // for the Admin
}

// shownValues is how many values of a claim a Step tells.
const shownValues = 5

// Map applies rules to claims. What a provider leaves out because it is too much, or sends in a shape that cannot be read, is
// unknown and never none: the groups and the role of the last sign-in then stay, the role Admin excepted (P38). Nobody becomes an
// Admin without a rule that says so.
func Map(rules Rules, claims map[string]any, last Last) Mapping {
	m := Mapping{}
	groups := map[string]bool{}
	unknownGroups, unknownBefore, unknownLower := false, false, false
	for _, rule := range rules.Rules {
		found := lookup(claims, rule.Claim)
		step := Step{Rule: rule, Finding: NotThere, Values: found.values[:min(len(found.values), shownValues)], Why: found.unknown}
		m.warn(found.warning)
		if found.unknown != "" {
			step.Finding = Unknown
			m.warn(fmt.Sprintf("%s is unknown: %s", rule.Claim, found.unknown))
			unknownGroups = unknownGroups || rule.Group != ""
			unknownBefore = unknownBefore || rule.Role != "" && m.Role == ""
			unknownLower = unknownLower || rule.Role != "" && rule.Role != access.RoleAdmin
			m.Steps = append(m.Steps, step)
			continue
		}
		for _, value := range found.meant(rule) {
			step.Finding = Matched
			if name := rule.group(value); name != "" {
				groups[name] = true
			}
		}
		if step.Finding == Matched && rule.Role != "" {
			step.Finding = m.decide(rule, unknownLower)
		}
		m.Steps = append(m.Steps, step)
	}
	m.settleRole(rules, last, unknownBefore)
	if unknownGroups {
		for _, name := range last.Groups {
			groups[name] = true
		}
	}
	m.Stale = unknownGroups || unknownBefore
	for name := range groups {
		m.Groups = append(m.Groups, name)
	}
	slices.Sort(m.Groups)
	return m
}

// decide takes the role of a rule that matched, unless one was decided on before. An Admin is not made where a rule before it
// might have said less.
func (m *Mapping) decide(rule Rule, unknownLower bool) Finding {
	switch {
	case m.Role != "":
		return Overruled
	case rule.Role == access.RoleAdmin && unknownLower:
		return Withheld
	}
	m.Role, m.Why = rule.Role, fmt.Sprintf("the rule %s is %s", rule.Claim, rule.Value)
	return Matched
}

// settleRole ends the search for a role. While a rule before the one that decided is unknown, the last known role counts, but
// for Admin.
func (m *Mapping) settleRole(rules Rules, last Last, unknownBefore bool) {
	switch {
	case unknownBefore && m.Role != access.RoleAdmin && last.Role != "" && last.Role != access.RoleAdmin:
		m.Role, m.Why = last.Role, "the role of the last sign-in, since a claim is unknown"
	case m.Role == "" && rules.Default != "" && rules.Default != access.RoleAdmin:
		m.Role, m.Why = rules.Default, "the default role"
	}
}

func (m *Mapping) warn(words string) {
	if words != "" && !slices.Contains(m.Warnings, words) {
		m.Warnings = append(m.Warnings, words)
	}
}
