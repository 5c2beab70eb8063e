package views

import "testing"

// Every screen stands in the sidebar once.
func TestNavigationNamesEachScreenOnce(t *testing.T) {
	for _, u := range []User{{}, {Admin: true}} {
		seen := map[string]bool{}
		for _, group := range navigation(u) {
			for _, item := range group.Items {
				if seen[item.Href] {
					t.Errorf("%q stands there twice", item.Label)
				}
				seen[item.Href] = true
			}
		}
		if !seen["/settings/account"] || seen["/settings/people"] != u.Admin {
			t.Errorf("of an Admin (%t) the sidebar has %v", u.Admin, seen)
		}
	}
}
