package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// Names as long as they may be, without a place to break, make no page scroll sideways and push nothing out of a table.
func TestLongNamesFit(t *testing.T) {
	t.Parallel()
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	long := strings.Repeat("Bundesgesundheitsministerium", 4)[:100]
	email := strings.ToLower(long[:60]) + "@" + strings.ToLower(long[:60]) + ".example.com"
	made := func(path string, body map[string]string) string {
		t.Helper()
		status, answer := p.api(token, "POST", path, asJSON(t, body))
		var thing struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &thing); err != nil || thing.ID == "" {
			t.Fatalf("POST %s: %d %s", path, status, answer)
		}
		return thing.ID
	}
	connection := p.first(token, "/api/v1/connections")
	group := made("/api/v1/groups", map[string]string{"name": long})
	person := made("/api/v1/users", map[string]string{"name": long, "email": email, "role": "editor", "password": password})
	project := made("/api/v1/projects", map[string]string{"name": long})
	p.must(token, "PUT", "/api/v1/groups/"+group+"/members/"+person, `{}`)
	p.must(token, "PUT", "/api/v1/connections/"+connection+"/permissions", `{"can_query":["`+group+`"],"can_view_results":["public"],"can_refresh_schema":"can_query"}`)
	for _, width := range []int64{1280, 640, 390} {
		tab.Width(width)
		for _, path := range []string{"/settings/connections/" + connection + "/permissions", "/settings/access?user=" + person + "&about=connection:" + connection,
			"/settings/groups", "/settings/groups/" + group, "/settings/groups/" + group + "/delete", "/settings/people", "/settings/people/" + person, "/settings/people/" + person + "/delete",
			"/projects", "/projects/" + project + "/share", "/projects/" + project + "/delete", "/settings/audit"} {
			tab.Go(p.url + path)
			tab.Want("document.querySelectorAll('h1').length", 1)
			tab.Want("document.body.innerText.toLowerCase().includes('bundesgesundheitsministerium')", true)
			if wide := tab.Eval("[document.documentElement, ...document.querySelectorAll('.table-card')].some((e) => e.scrollWidth > e.clientWidth)"); wide != "false" {
				t.Errorf("%s is wider than its place at %d", path, width)
			}
		}
	}
}
