package views

import (
	"strings"
	"time"
)

// An AccountPage is a person's own account.
type AccountPage struct {
	Page     Page
	Name     string // as it was typed
	Email    string
	Errors   map[string]string
	Password bool // there is one, to be changed
	Saved    string
	TOTP     TOTPState
	Sessions []SessionRow
	Now      time.Time
}

// A TOTPState is the second step of someone's signing in.
type TOTPState struct {
	Since time.Time // zero: off
	Codes int       // recovery codes that are left
}

// A TOTPForm is a second step on its way: first the secret and a code, then the recovery codes.
type TOTPForm struct {
	Page       Page
	Secret, QR string
	Error      string
	Codes      []string
}

// A CodeForm asks for the code of a sign-in that waits.
type CodeForm struct {
	Page  Page
	Next  string
	Error string
}

// spaced is a key in groups of four, as people type it.
func spaced(key string) string {
	var out strings.Builder
	for i, r := range key {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}
