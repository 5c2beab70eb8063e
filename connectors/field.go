package connectors

// A Field is one thing to ask for. The form, the check, the store, the API's schema, provisioning and docs/databases are all
// drawn from it.
type Field struct {
	Key         string // snake_case; stored; never renamed
	Label       string
	Kind        Kind
	Section     Section
	Required    bool
	Secret      bool // sealed, write-only, never in Values
	Redirects   bool // changing it changes where secrets are sent: they are asked for again
	Stays       bool // changing it cannot change where secrets are sent; each field is one of Secret, Redirects, Stays
	Default     string
	Placeholder string
	Help        string
	Choices     []Choice
	ShowIf      *Cond              // required and read only while shown
	Check       func(string) error // pure; its words appear under the field
}

// A Kind is how a field is entered.
type Kind string

// The kinds of field.
const (
	Text   Kind = "text"
	Number Kind = "number"
	Bool   Kind = "bool" // "true" or "false"
	Select Kind = "choice"
	Lines  Kind = "lines"
	PEM    Kind = "pem"
	JSON   Kind = "json"
)

// A Section is the part of the form that a field stands in.
type Section string

// The sections in the order of the form.
const (
	SectionServer   Section = "server"
	SectionSignIn   Section = "sign_in"
	SectionTLS      Section = "tls"
	SectionSSH      Section = "ssh"
	SectionAdvanced Section = "advanced"
)

// A Choice is one value of a Select field.
type Choice struct{ Value, Label string }

// A Cond holds while the field Key has one of the values In.
type Cond struct {
	Key string
	In  []string
}

// A FieldError is a refusal that belongs to one field. Words are for people.
type FieldError struct{ Key, Words string }

func (e *FieldError) Error() string { return e.Key + ": " + e.Words }

// Words are an error for a person, as a Field's Check returns it: they appear under the field.
type Words string

func (w Words) Error() string { return string(w) }
