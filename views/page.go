// Package views is what people see: templ pages that each take one struct, and the components they share. It holds no rules
// and asks no store; a page shows what its handler loaded.
package views

import "strings"

// A Page is what every screen's frame needs.
type Page struct {
	Title  string // of the screen, without the product's name
	Active string // key of the sidebar's entry that is open: "connections"
	User   User   // zero: nobody is signed in
	Theme  string // "light", "dark" or "" to follow the system
	Nonce  string // notebook pages: lets the editor's own styles through
	Wide   bool   // content may take the whole width
}

// A User is the person at the screen.
type User struct {
	Name, Email string
	Role        string // the word shown: "Admin"
	Admin       bool   // sees the settings of the workspace
}

// label is the person's name, or the e-mail address while there is none.
func (u User) label() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// initials are at most two letters for the round picture.
func (u User) initials() string {
	var out []rune
	for _, word := range strings.Fields(u.label()) {
		if len(out) < 2 {
			out = append(out, []rune(strings.ToUpper(word))[0])
		}
	}
	return string(out)
}

// documentTitle is what the browser's tab says.
func (p Page) documentTitle() string {
	if p.Title == "" {
		return "Patchbay"
	}
	return p.Title + " · Patchbay"
}

// A NavGroup is one titled part of the sidebar.
type NavGroup struct {
	Title string
	Items []NavItem
}

// A NavItem is one entry of the sidebar.
type NavItem struct{ Key, Label, Href, Icon string }

// navigation lists the screens that u can open, and only screens that work.
func navigation(u User) []NavGroup {
	settings := []NavItem{{"account", "Your account", "/settings/account", "user"}, {"tokens", "Access tokens", "/settings/tokens", "key-round"}}
	if u.Admin {
		settings = []NavItem{
			{"connections", "Data sources", "/settings/connections", "database"},
			{"people", "People", "/settings/people", "users"},
			{"groups", "Groups", "/settings/groups", "layers"},
			{"access", "Access", "/settings/access", "eye"},
			{"sign-in", "Sign-in", "/settings/sign-in", "fingerprint-pattern"},
			{"workspace", "Workspace", "/settings/workspace", "toggle-left"},
			{"audit", "Audit log", "/settings/audit", "history"},
			settings[0], settings[1],
		}
	}
	return []NavGroup{
		{Items: []NavItem{{"projects", "Notebooks", "/projects", "book-open"}}},
		{Title: "Settings", Items: settings},
	}
}

// pressed says "true" or "false" for aria-pressed.
func pressed(on bool) string {
	if on {
		return "true"
	}
	return "false"
}

// themeAfter is what pressing a theme's button chooses: that theme, or the system's when it was chosen already.
func (p Page) themeAfter(theme string) string {
	if p.Theme == theme {
		return ""
	}
	return theme
}
