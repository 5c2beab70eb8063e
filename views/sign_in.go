package views

import "strings"

// A SignInForm is the sign-in screen. What was typed is kept, the password excepted.
type SignInForm struct {
	Page  Page
	Email string
	Next  string // local path to go to afterwards
	// Error is why the last try failed, ErrorHint what to do.
	Error, ErrorHint string
	Providers        []SignInProvider
	Local            bool // people may sign in with a password
}

// A SignInProvider is one provider that people may sign in with.
type SignInProvider struct{ Name, Href string }

// A SignedOutPage ends a session on the screen.
type SignedOutPage struct {
	Page           Page
	Provider, Href string // where the browser goes on to be signed out there too
	Everywhere     bool   // and came back from
}

// A SetupForm makes the first Admin.
type SetupForm struct {
	Page        Page
	Token       string // of the link that was opened
	Name, Email string
	Errors      map[string]string
}

// An InviteForm lets an invited person choose a password.
type InviteForm struct {
	Page        Page
	Token       string
	Name, Email string
	Errors      map[string]string
}

// An Entry is a plain input of a form that no connector declares.
type Entry struct {
	Key, Label, Type, Value, Help, Error, Autocomplete, Placeholder string
	Required, Focus                                                 bool
}

func (e Entry) id() string { return "field-" + e.Key }

func (e Entry) described() string {
	var ids []string
	if e.Help != "" {
		ids = append(ids, e.id()+"-help")
	}
	if e.Error != "" {
		ids = append(ids, e.id()+"-error")
	}
	return strings.Join(ids, " ")
}

func (e Entry) kind() string {
	if e.Type == "" {
		return "text"
	}
	return e.Type
}

// A ConfirmForm asks for the password again before an act that would let a stolen session spread.
type ConfirmForm struct {
	Page   Page
	Action string
	Email  string
	Held   []Fact // the inputs of the form that waits
	Code   bool   // the code of a second step is asked for too
	Wrong  string // at the code
	Error  string
	// Provider is where someone without a password here proves that it is them; empty: the password is asked for.
	Provider, ProviderHref string
}

// providerVariant makes the providers the first choice where there is no password form.
func providerVariant(f SignInForm) string {
	if f.Local {
		return ""
	}
	return "primary"
}
