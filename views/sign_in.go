package views

import "strings"

// A SignInForm is the sign-in screen. What was typed is kept, the password excepted.
type SignInForm struct {
	Page  Page
	Email string
	Next  string // local path to go to afterwards
	Error string
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
	Error  string // at the password
	Wrong  string // at the code
}
