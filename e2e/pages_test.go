package e2e

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchbay/e2e/browser"
)

// visited are the pages by their route; "x" of a value is not visited, with the reason.
var visited = map[string]string{
	"/":                                          "leads to /projects",
	"/setup":                                     "TestFirstStart",
	"/sign-in":                                   "/sign-in",
	"/invite/{token}":                            "INVITE",
	"/signed-out":                                "/signed-out",
	"/auth/confirmed":                            "/auth/confirmed",
	"/settings/sign-in":                          "/settings/sign-in",
	"/settings/sign-in/new-provider":             "/settings/sign-in/new-provider",
	"/settings/sign-in/providers/{id}":           "TestSignInWithProviders",
	"/settings/people":                           "/settings/people",
	"/settings/audit":                            "/settings/audit",
	"/settings/audit/chain":                      "a part of /settings/audit",
	"/sign-in/code":                              "TestTwoStepSignIn",
	"/settings/people/{user}":                    "/settings/people/PERSON",
	"/settings/people/{user}/delete":             "/settings/people/PERSON/delete",
	"/settings/groups":                           "/settings/groups",
	"/settings/groups/{group}":                   "/settings/groups/members",
	"/settings/groups/{group}/delete":            "/settings/groups/GROUP/delete",
	"/settings/account":                          "/settings/account",
	"/settings/tokens":                           "/settings/tokens",
	"/settings/connections":                      "/settings/connections",
	"/settings/new-connection":                   "/settings/new-connection",
	"/settings/new-connection/{type}":            "/settings/new-connection/postgres",
	"/settings/connections/{id}":                 "/settings/connections/CONNECTION",
	"/settings/connections/{id}/usage":           "/settings/connections/CONNECTION/usage",
	"/settings/connections/{id}/filter":          "/settings/connections/CONNECTION/filter",
	"/settings/connections/{id}/refreshes":       "/settings/connections/CONNECTION/refreshes",
	"/settings/connections/{id}/refreshes/{run}": "/settings/connections/CONNECTION/refreshes/RUN",
	"/settings/connections/{id}/notifications":   "/settings/connections/CONNECTION/notifications",
	"/settings/connections/{id}/activity":        "/settings/connections/CONNECTION/activity",
	"/settings/connections/{id}/schedule":        "/settings/connections/CONNECTION/schedule",
	"/settings/connections/{id}/permissions":     "/settings/connections/CONNECTION/permissions",
	"/settings/connections/{id}/share":           "handlers: TestShareWithWorkspace", // the sample has no project connection
	"/settings/project-connections":              "/settings/project-connections",
	"/settings/access":                           "/settings/access",
	"/settings/workspace":                        "/settings/workspace",
	"/settings/connections/{id}/edit":            "/settings/connections/CONNECTION/edit",
	"/settings/connections/{id}/delete":          "/settings/connections/CONNECTION/delete",
	"/projects":                                  "/projects",
	"/projects/{project}":                        "/projects/PROJECT",
	"/projects/{project}/app":                    "/projects/PROJECT/app",
	"/projects/{project}/share":                  "/projects/PROJECT/share",
	"/projects/{project}/schedule":               "/projects/PROJECT/schedule",
	"/share/{token}":                             "SHARE",
	"/projects/{project}/delete":                 "/projects/PROJECT/delete",
	"/projects/{project}/connections":            "/projects/PROJECT/connections",
	"/projects/{project}/connections/new":        "/projects/PROJECT/connections/new",
	"/projects/{project}/connections/new/{type}": "/projects/PROJECT/connections/new/sqlite",
}

// parts are the addresses that answer with a part of a page, a file, a stream or data.
var parts = regexp.MustCompile(`^/(api/|auth/oidc/|healthz|readyz|metrics|find$|settings/schedule-preview|share/\{token\}/access|projects/\{project\}/(access|browser|cells|complete|schedule/runs|share/people))|/(status|events)$`)

var getRoute = regexp.MustCompile(`\{"GET (/[^"]*)"`)

func TestEveryPageIsVisited(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../handlers/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	found := getRoute.FindAllStringSubmatch(string(source), -1)
	if len(found) < 40 {
		t.Fatalf("found %d routes: has the table's shape changed?", len(found))
	}
	for _, m := range found {
		route := strings.ReplaceAll(m[1], "{$}", "")
		if _, ok := visited[route]; !ok && !parts.MatchString(route) {
			t.Errorf("no test visits %s: add it to the list", route)
		}
	}
}

// Every page, light and dark, wide and narrow: axe finds nothing, the console and the policy are silent, nothing scrolls sideways.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	connection := p.first(token, "/api/v1/connections")
	_, made := p.api(token, "POST", "/api/v1/groups", `{"name":"Finance"}`)
	var group struct{ ID string }
	if err := json.Unmarshal([]byte(made), &group); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("CONNECTION", connection, "RUN", p.first(token, "/api/v1/connections/"+connection+"/refreshes"), "PROJECT", p.first(token, "/api/v1/projects"),
		"PERSON", p.first(token, "/api/v1/users"), "GROUP", group.ID)
	_, invited := p.api(token, "POST", "/api/v1/users", `{"email":"ana@example.com","name":"Ana","role":"editor"}`)
	var user struct {
		InviteURL string `json:"invite_url"`
	}
	if err := json.Unmarshal([]byte(invited), &user); err != nil {
		t.Fatal(err)
	}
	tab.Go(p.url + names.Replace("/projects/PROJECT/share"))
	tab.Fill("name", "Board")
	tab.Press("Create link")
	tab.See("Copy the link now")
	shared := strings.Trim(tab.Eval("document.querySelector('.banner.is-ok .mono').textContent"), `"`)
	routes := make([]string, 0, len(visited))
	for route := range visited {
		routes = append(routes, route)
	}
	slices.Sort(routes)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			tab, anonymous := p.signIn("admin@example.com"), browser.Open(t) // a tab ends after a while, however busy the machine is
			anonymous.Go(p.url + "/sign-in")
			for _, who := range []*browser.Tab{tab, anonymous} {
				who.Eval("(document.cookie = 'patchbay-theme=" + theme + "; path=/', 1)")
			}
			for _, route := range routes {
				who, path := tab, names.Replace(visited[route])
				if route == "/sign-in" {
					who = anonymous
				}
				url := p.url + path
				if path == "INVITE" {
					who, url = anonymous, user.InviteURL
				} else if path == "SHARE" {
					who, url = anonymous, shared
				} else if !strings.HasPrefix(path, "/") {
					continue // another test visits it
				}
				who.Width(width)
				who.Go(url)
				who.Want("document.documentElement.dataset.theme", theme)
				checkPage(t, who, string(axe), route+" "+theme)
			}
		}
	}
}

// first is the id of the first item of a list.
func (p *product) first(token, list string) string {
	p.t.Helper()
	_, body := p.api(token, "GET", list, "")
	var page struct{ Items []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Items) == 0 {
		p.t.Fatalf("%s is empty: %s", list, body)
	}
	return page.Items[0].ID
}

// rules are those of WCAG 2.2 AA.
const rules = `{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] }`

func checkPage(t *testing.T, tab *browser.Tab, axe, name string) {
	t.Helper()
	tab.Want("document.querySelectorAll('main').length", 1)
	tab.Want("document.querySelectorAll('h1').length", 1)
	tab.Want("document.querySelectorAll('pb-editor:not(.is-ready)').length", 0)
	tab.Run(axe)
	found := tab.Await("axe.run(document, " + rules + ").then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ' ' + n.target.join(' ') + ' ' + (n.failureSummary ?? '').replace(/\\s+/g, ' '))))")
	if found != "[]" {
		t.Errorf("%s: axe finds %.1500s", name, found)
	}
	if wide := tab.Eval("document.documentElement.scrollWidth > document.documentElement.clientWidth"); wide != "false" {
		t.Errorf("%s scrolls sideways at %s", name, tab.Eval("innerWidth"))
	}
}
