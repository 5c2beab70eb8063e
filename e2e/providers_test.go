package e2e

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"patchbay/e2e/browser"
	"patchbay/e2e/providers"
)

// The admin connects the company's provider and tries the rules; people come by it, with groups that change; a query that a lost
// group allowed ends; signing out here signs out there. The same with two providers, in a real browser.
func TestSignInWithProviders(t *testing.T) {
	t.Parallel()
	for name, start := range providers.Both {
		t.Run(name, func(t *testing.T) {
			p, admin := withAdmin(t, "PATCHBAY_SAMPLE=true")
			op := start(t, p.url+"/auth/oidc/sso/callback", p.url+"/signed-out")
			connectProvider(p, admin, op)
			op.SetGroups([]string{"analysts", "pb-finance"})
			first := p.signInWith(op)
			first.Want("location.pathname", "/projects")

			token := p.token()
			if got := p.groupsOf(token, op.Email); !slices.Equal(got, []string{"Analysts", "pb-finance"}) {
				t.Errorf("after the first sign-in %s is in %v", op.Email, got)
			}
			group := p.group(token, "Analysts")
			connection := p.first(token, "/api/v1/connections")
			if status, body := p.api(token, "PUT", "/api/v1/connections/"+connection+"/permissions", `{"can_query":["`+group+`"],"can_view_results":["public"],"can_refresh_schema":"can_query"}`); status >= 300 {
				t.Fatalf("permissions: %d %s", status, body)
			}
			query, err := json.Marshal(map[string]any{"connection_id": connection, "sql": "select sum(length(a.page || b.page || c.page)) from web_events a, web_events b, web_events c"})
			if err != nil {
				t.Fatal(err)
			}
			first.Expect("422")
			first.Expect("403")
			first.Expect("500")
			first.Eval("(window.ended = 'running', fetch('/api/v1/query', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: " + strconv.Quote(string(query)) +
				"}).then((r) => r.text()).then((t) => { window.ended = 'ended ' + t; }), 1)")
			first.Await("new Promise((r) => setTimeout(r, 500, 1))")
			first.Want("window.ended", "running")

			op.SetGroups([]string{"pb-sales"})
			second := p.signInWith(op)
			second.Want("location.pathname", "/projects")
			if got := p.groupsOf(token, op.Email); !slices.Equal(got, []string{"pb-sales"}) {
				t.Errorf("after the second sign-in %s is in %v", op.Email, got)
			}
			first.Want("window.ended.startsWith('ended')", true)
			if text := first.Eval("window.ended"); strings.Contains(text, `"rows"`) && !strings.Contains(text, "error") {
				t.Errorf("the query that a lost group allowed answers %s", text)
			}
			second.Activate("form[action='/sign-out']")
			second.See("You are signed out here and at your provider")
			if op.SignedOut() != 1 {
				t.Errorf("signed out %d times at the provider", op.SignedOut())
			}
			second.Go(p.url + "/projects")
			second.Want("location.pathname", "/sign-in")
		})
	}
}

// connectProvider adds a provider and its rules on the screen, and looks at the pages.
func connectProvider(p *product, tab *browser.Tab, op *providers.Provider) {
	p.t.Helper()
	tab.Expect("422")
	tab.Go(p.url + "/settings/sign-in")
	tab.See("Nobody signs in with a provider yet")
	tab.Press("Add a provider")
	tab.Fill("name", op.Name)
	tab.Fill("id", "sso")
	tab.Fill("issuer", op.Issuer+"/not")
	tab.Fill("client_id", providers.ClientID)
	tab.Fill("client_secret", providers.Secret)
	tab.Press("Test discovery")
	tab.See("cannot be used")
	tab.Fill("issuer", op.Issuer)
	tab.Press("Test discovery")
	tab.See("its keys can be read")
	tab.Want("document.querySelector('[name=client_secret]').value", providers.Secret)
	tab.Press("Add provider")
	tab.Want("location.pathname", "/settings/sign-in/providers/sso")
	fill := func(part string, i int, value string) {
		tab.Eval("(document.getElementById('rule-" + part + "-" + strconv.Itoa(i) + "').value = " + strconv.Quote(value) + ", 1)")
	}
	tab.Press("Add rule")
	tab.Want("document.querySelectorAll('.rule').length", 1)
	fill("value", 0, "pb-*")
	fill("group", 0, "*")
	tab.Press("Add rule")
	tab.Want("document.querySelectorAll('.rule').length", 2)
	fill("value", 1, "analysts")
	tab.Press("Save rules")
	tab.See("Choose a role, a group, or both")
	fill("role", 1, "editor")
	fill("group", 1, "Analysts")
	tab.Click("[aria-label='Move up of rule 2']")
	tab.Want("document.getElementById('rule-value-0').value", "analysts")
	tab.Press("Save rules")
	tab.Want("document.querySelectorAll('.rule').length", 2)
	tab.Want("document.querySelectorAll('.error').length", 0)
	tab.Fill("token", `{"groups":["analysts","pb-x"]}`)
	tab.Press("Try")
	tab.See("Pasted claims have no signature")
	tab.Want("document.querySelectorAll('.checks .is-ok').length", 2)
	tab.Fill("default_role", "viewer")
	tab.Press("Save changes")
	tab.Want("document.querySelector('[name=default_role]').value", "viewer")
	tab.See("Saved")
	if strings.Contains(tab.Eval("document.documentElement.outerHTML"), providers.Secret) {
		p.t.Error("the client secret is in the page")
	}
	tab.Fill("token", `{"groups":[{"a":1}]}`)
	tab.Press("Try")
	tab.Want("document.querySelectorAll('.checks .is-bad').length", 2)
	lookAt(p, tab)
}

// groups are the names of all groups, by id.
func (p *product) groups(token string) map[string]string {
	p.t.Helper()
	_, body := p.api(token, "GET", "/api/v1/groups", "")
	var page struct{ Items []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		p.t.Fatal(err)
	}
	names := map[string]string{}
	for _, g := range page.Items {
		names[g.ID] = g.Name
	}
	return names
}

// group is the id of a group by its name.
func (p *product) group(token, name string) string {
	p.t.Helper()
	for id, n := range p.groups(token) {
		if n == name {
			return id
		}
	}
	p.t.Fatalf("there is no group %s", name)
	return ""
}

// groupsOf are the names of someone's groups, sorted.
func (p *product) groupsOf(token, email string) []string {
	p.t.Helper()
	_, body := p.api(token, "GET", "/api/v1/users", "")
	var page struct {
		Items []struct {
			Email  string
			Groups []string
		}
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		p.t.Fatal(err)
	}
	names := p.groups(token)
	for _, u := range page.Items {
		if u.Email != email {
			continue
		}
		for i, id := range u.Groups {
			u.Groups[i] = names[id]
		}
		slices.Sort(u.Groups)
		return u.Groups
	}
	p.t.Fatalf("there is no %s: %s", email, body)
	return nil
}

// lookAt checks the page as it stands, and the sign-in page with a provider.
func lookAt(p *product, tab *browser.Tab) {
	p.t.Helper()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	anonymous := browser.Open(p.t)
	anonymous.Go(p.url + "/sign-in")
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			for name, who := range map[string]*browser.Tab{"provider": tab, "sign-in": anonymous} {
				who.Width(width)
				who.Eval("(document.documentElement.dataset.theme = '" + theme + "', 1)")
				who.Await("new Promise((r) => setTimeout(r, 500, 1))") // colours change slowly
				checkPage(p.t, who, string(axe), name+" "+theme)
				if dir := os.Getenv("PICTURES"); dir != "" {
					who.Eval("(scrollTo(0, 0), 1)")
					who.Screenshot(dir + "/" + name + "-" + theme + "-" + strconv.FormatInt(width, 10) + ".png")
				}
			}
		}
	}
	tab.Width(1280)
}

// signInWith opens a tab and signs in with a provider.
func (p *product) signInWith(op *providers.Provider) *browser.Tab {
	p.t.Helper()
	tab := browser.Open(p.t)
	tab.Expect("404") // a provider's page may lack an icon
	tab.Go(p.url + "/sign-in?next=%2Fprojects")
	tab.Press("Continue with " + op.Name)
	tab.Want("document.querySelector('[name=username]') !== null", true)
	tab.Fill("username", op.User)
	tab.Fill("password", op.Password)
	tab.Eval("(document.querySelector('form').submit(), 1)")
	return tab
}
