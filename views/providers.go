package views

import (
	"strconv"
	"strings"
	"time"
)

// A SignInPage is how people sign in: the providers, and whether passwords count.
type SignInPage struct {
	Page       Page
	Providers  []ProviderRow
	Local      bool // people may sign in with a password
	MayTurnOff bool // an Admin has signed in with a provider
	Error      string
}

// A ProviderRow is one provider of the list.
type ProviderRow struct {
	ID, Name, Issuer string
	Enabled          bool
	People, Warnings int
}

// A ProviderPage is one provider: its settings, its rules, a trial of them. New: it is not kept yet.
type ProviderPage struct {
	Page                             Page
	New                              bool
	ID, Name                         string
	Form                             ProviderForm
	Redirect, Backchannel, SignedOut string // addresses to register at the provider
	Roles                            []RoleChoice
	Rules                            []RuleRow
	RulesError, TokenError           string
	DeleteError                      string
	Trial                            *Trial
	Discovery                        *Discovery
	People                           []ProviderPerson
	Now                              time.Time
}

// A ProviderForm is a provider's settings as they were filled in. The client secret is never among them.
type ProviderForm struct {
	ID, Name, Issuer, ClientID, Scopes, LinkDomains, DefaultRole string
	TrustsEmail, Enabled, SecretSaved                            bool
	Errors                                                       map[string]string
}

// A RuleRow is one rule of the editor.
type RuleRow struct {
	Claim, Value, Role, Group string
	Error                     string
}

// A Discovery is what a provider says of itself, or why it cannot be asked.
type Discovery struct {
	Error, Hint string
	Facts       []Fact
}

// A Trial is what a pasted token would give.
type Trial struct {
	Verified bool
	Note     string // about the signature
	Role     string // the word; empty: may not sign in
	Why      string
	Groups   []string
	Steps    []TrialStep
	Warnings []string
}

// A TrialStep is the outcome of one rule.
type TrialStep struct {
	Claim, Value, Gives, Outcome string
	Values                       []string
	Good, Unknown                bool
	Why                          string
}

// A ProviderPerson is someone whose claims need a look.
type ProviderPerson struct {
	Name, Email, Warning string
	Stale                time.Time // zero: what the provider says is known
}

func (p ProviderPage) base() string { return "/settings/sign-in/providers/" + p.ID }

func (p ProviderPage) action() string {
	if p.New {
		return "/settings/sign-in/new-provider"
	}
	return p.base()
}

func ruleLabel(what string, i int) string { return what + " of rule " + strconv.Itoa(i+1) }

func joined(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(values, ", ")
}

func groupsOrNone(names []string) string {
	if len(names) == 0 {
		return "None"
	}
	return strings.Join(names, ", ")
}

func ruleID(part string, i int) string { return "rule-" + part + "-" + strconv.Itoa(i) }
