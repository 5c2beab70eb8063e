package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"patchbay/e2e/browser"
	"patchbay/e2e/providers"
)

func TestZZShots(t *testing.T) {
	only := regexp.MustCompile(os.Getenv("ONLY"))
	dir := os.Getenv("PICTURES")
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true")
	token := p.token()
	call := func(m, path string, body any) map[string]any {
		b, _ := json.Marshal(body)
		st, out := p.api(token, m, path, string(b))
		if st >= 300 {
			t.Logf("%s %s: %d %.300s", m, path, st, out)
		}
		var v map[string]any
		_ = json.Unmarshal([]byte(out), &v)
		return v
	}
	id := func(v map[string]any) string { s, _ := v["id"].(string); return s }
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	admin := p.first(token, "/api/v1/users")
	type M = map[string]any
	long := strings.Repeat("Quarterly revenue and retention of every region ", 5)[:120]
	groups := []string{}
	for _, n := range []string{"Analysts", "Finance", "Marketing", "قسم المبيعات", "🚀 Growth", strings.Repeat("Department of long names ", 10)[:100]} {
		groups = append(groups, id(call("POST", "/api/v1/groups", M{"name": n})))
	}
	first := strings.Fields("Ana Boris Chiara Dai Elena Farid Greta Hugo Ines Jonas Kira Lars Mira Nils Olga Pavel Quinn Rosa Sven Tomás Uma Viktor Wen Ximena Yara Zoltán Ada Bruno Cleo")
	roles := []string{"manager", "editor", "explorer", "viewer", "guest", "editor", "viewer"}
	people := []string{}
	for i, n := range first {
		name := n + " " + first[(i*7+3)%len(first)] + "son"
		if i == 4 {
			name = long
		}
		if i == 6 {
			name = "محمد بن عبد الله 🎉"
		}
		b := M{"email": strings.ToLower(fmt.Sprintf("person%d@example.com", i)), "name": name, "role": roles[i%len(roles)]}
		if i%3 != 0 {
			b["password"] = password
		}
		u := id(call("POST", "/api/v1/users", b))
		people = append(people, u)
		if u != "" && i%5 != 4 {
			for g := 0; g < 1+i%3; g++ {
				call("PUT", "/api/v1/groups/"+groups[(i+g)%len(groups)]+"/members/"+u, M{})
			}
		}
	}
	invited := call("POST", "/api/v1/users", M{"email": "invited@example.com", "name": "Invited Person", "role": "editor"})
	call("PATCH", "/api/v1/users/"+people[8], M{"disabled": true})
	failing := id(call("POST", "/api/v1/connections", M{"name": "Billing replica", "type": "postgres", "scope": "workspace", "config": M{"host": "127.0.0.1", "port": "1", "database": "billing", "user": "reader", "auth": "password", "tls_mode": "verify-full"}, "secrets": M{"password": "x"}}))
	if failing == "" {
		failing = id(call("POST", "/api/v1/connections", M{"name": "Billing replica", "type": "postgres", "scope": "workspace", "draft": true, "config": M{"host": "127.0.0.1", "port": 1, "database": "billing", "user": "reader"}, "secrets": M{"password": "x"}}))
	}
	for i, n := range []string{"Marketing lake", "Product events", long, "قاعدة البيانات الرئيسية 🎉"} {
		kind := []string{"mysql", "postgres", "postgres", "mysql"}[i]
		call("POST", "/api/v1/connections", M{"name": n, "type": kind, "scope": "workspace", "draft": true, "config": M{}, "secrets": M{}})
	}
	for i := 0; i < 3; i++ {
		call("POST", "/api/v1/connections/"+failing+"/refresh", M{})
		time.Sleep(1500 * time.Millisecond)
	}
	projects := []string{}
	for _, n := range []string{"Churn study", "Board pack", long, "تقرير المبيعات 🎉", "Empty"} {
		projects = append(projects, id(call("POST", "/api/v1/projects", M{"name": n})))
	}
	call("PUT", "/api/v1/projects/"+project+"/shares", M{"shares": []M{{"to": "group:" + groups[0], "access": "edit"}, {"to": "group:" + groups[5], "access": "view"}, {"to": "user:" + people[1], "access": "full"}, {"to": "user:" + people[4], "access": "explore"}, {"to": "user:" + people[6], "access": "view"}, {"to": "workspace", "access": "view"}}})
	// project connections
	call("PATCH", "/api/v1/settings", M{"allow_project_connections": true})
	own := id(call("POST", "/api/v1/connections", M{"name": "Scratch warehouse", "type": "postgres", "scope": "project", "project_id": projects[0], "config": M{"host": "127.0.0.1", "port": "2", "database": "x", "user": "y", "auth": "password", "tls_mode": "verify-full"}, "secrets": M{"password": "z"}}))
	call("POST", "/api/v1/connections", M{"name": long, "type": "postgres", "scope": "project", "project_id": projects[2], "config": M{"host": "very-long-host-name-of-a-warehouse.internal.eu-central-1.example.com", "port": "2", "database": "x", "user": "y", "auth": "password", "tls_mode": "verify-full"}, "secrets": M{"password": "z"}})
	call("PUT", "/api/v1/projects/"+projects[0]+"/connections/"+connection, M{})
	call("PUT", "/api/v1/projects/"+projects[0]+"/connections/"+failing, M{})
	call("PUT", "/api/v1/connections/"+connection+"/filter", M{"schemas": M{"include": M{"match": "exact", "values": []string{"main"}}}, "tables": M{"exclude": M{"match": "prefix", "values": []string{"web_"}}}})
	call("PUT", "/api/v1/connections/"+connection+"/schedule", M{"kind": "weekly", "at": "04:00", "days": []string{"mon", "wed"}, "time_zone": "Europe/Bratislava"})
	call("PUT", "/api/v1/connections/"+connection+"/permissions", M{"can_query": []string{groups[0], groups[5]}, "can_view_results": []string{"public"}, "can_refresh_schema": "can_query"})
	call("PUT", "/api/v1/connections/"+connection+"/annotations?path=sample/main/orders", M{"description": "One row for each order", "mark": "endorsed"})
	// cells of a second notebook: an error, parameters, nulls
	for _, c := range []M{
		{"kind": "text", "source": "# Churn\n\nWhat happens after **month three**."},
		{"kind": "input", "name": "country", "config": M{"type": "text", "label": "Country", "value": "Slovakia"}},
		{"kind": "sql", "name": "broken", "connection_id": connection, "source": "select * from ordrs where country = {{ country }}"},
		{"kind": "sql", "name": "none_found", "connection_id": connection, "source": "select * from customers where country = 'Atlantis'"},
		{"kind": "sql", "name": "wide", "connection_id": connection, "source": "select 1 as a, null as b, 1234567.89 as amount, date '2026-11-01' as day, true as yes, repeat('long words ', 40) as words, [1,2,3] as l, {'a': 1} as s"},
		{"kind": "sql", "name": "far", "connection_id": failing, "source": "select 1"},
	} {
		cell := id(call("POST", "/api/v1/projects/"+projects[0]+"/cells", c))
		if c["kind"] == "sql" {
			call("POST", "/api/v1/projects/"+projects[0]+"/cells/"+cell+"/run", M{})
		}
	}
	_, cells := p.api(token, "GET", "/api/v1/projects/"+project+"/cells", "")
	var list struct{ Items []struct{ ID, Kind string } }
	_ = json.Unmarshal([]byte(cells), &list)
	call("PUT", "/api/v1/connections/"+connection+"/filter", M{})
	call("POST", "/api/v1/connections/"+connection+"/refresh", M{})
	time.Sleep(2 * time.Second)
	for _, c := range list.Items {
		if c.Kind == "sql" {
			call("POST", "/api/v1/projects/"+project+"/cells/"+c.ID+"/run", M{})
		}
	}
	tab.Expect("")
	// web link, tokens, notification target, sign-in provider, pins
	tab.Go(p.url + "/projects/" + project + "/share")
	tab.Fill("name", "Board")
	tab.Press("Create link")
	tab.See("Copy the link now")
	shared := strings.Trim(tab.Eval("document.querySelector('.banner.is-ok .mono').textContent"), `"`)
	tab.Full(dir + "/web-link-made-light.png")
	tab.Go(p.url + "/settings/tokens")
	tab.Eval("(document.querySelector('main form [name=name]').value = 'Nightly dbt', 1)")
	tab.Activate("main form:has([name=name])")
	time.Sleep(time.Second)
	tab.Full(dir + "/token-made-light.png")
	tab.Go(p.url + "/settings/connections/" + connection + "/notifications")
	tab.Eval("((f) => { f.querySelector('[name=address]').value = 'https://hooks.example.com/patchbay'; f.querySelectorAll('[type=checkbox]').forEach((c) => c.checked = true); f.requestSubmit(); return 1; })(document.querySelector('form:has([name=address])'))")
	time.Sleep(time.Second)
	tab.Full(dir + "/target-made-light.png")
	if os.Getenv("PROVIDER") != "" {
		for _, start := range providers.Both {
			op := start(t, p.url+"/auth/oidc/sso/callback", p.url+"/signed-out")
			connectProvider(p, tab, op)
			tab.Full(dir + "/provider-tried-light.png")
			break
		}
	}
	tab.Go(p.url + "/projects/" + project)
	time.Sleep(time.Second)
	run1 := p.first(token, "/api/v1/connections/"+connection+"/refreshes")
	runF := p.first(token, "/api/v1/connections/"+failing+"/refreshes")
	C, F, P := "/settings/connections/"+connection, "/settings/connections/"+failing, "/projects/"+project
	inviteURL, _ := invited["invite_url"].(string)
	pages := [][2]string{
		{"connections", "/settings/connections"}, {"connections-none", "/settings/connections?q=zzz"},
		{"projects", "/projects"}, {"notebook", P}, {"notebook-node", P + "?node=" + connection + "/sample/main/orders"}, {"notebook-mixed", "/projects/" + projects[0]}, {"notebook-empty", "/projects/" + projects[4]},
		{"app", P + "/app"}, {"app-mixed", "/projects/" + projects[0] + "/app"}, {"share", P + "/share"}, {"share-empty", "/projects/" + projects[4] + "/share"},
		{"project-delete", P + "/delete"}, {"project-conns", "/projects/" + projects[0] + "/connections"}, {"project-conns-empty", "/projects/" + projects[4] + "/connections"},
		{"conn", C}, {"conn-failing", F}, {"conn-usage", C + "/usage"}, {"conn-activity", C + "/activity"}, {"conn-schedule", C + "/schedule"}, {"conn-filter", C + "/filter"}, {"conn-refreshes", C + "/refreshes"}, {"conn-run", C + "/refreshes/" + run1},
		{"conn-run-failed", F + "/refreshes/" + runF}, {"conn-notifications", C + "/notifications"}, {"conn-notifications-none", F + "/notifications"}, {"conn-permissions", C + "/permissions"}, {"conn-edit", F + "/edit"}, {"conn-delete", C + "/delete"},
		{"conn-share", "/settings/connections/" + own + "/share"}, {"project-connections", "/settings/project-connections"},
		{"new-conn", "/settings/new-connection"}, {"new-conn-pg", "/settings/new-connection/postgres"}, {"new-conn-snow", "/settings/new-connection/mysql"}, {"new-conn-duck", "/settings/new-connection/duckdb"},
		{"access", "/settings/access"}, {"access-conn", "/settings/access?user=" + people[1] + "&about=connection:" + connection}, {"access-project", "/settings/access?user=" + people[4] + "&about=project:" + project}, {"workspace", "/settings/workspace"},
		{"sign-in", "/sign-in"}, {"invite", inviteURL}, {"shared", shared}, {"shared-gone", "/share/nothing"}, {"signed-out", "/signed-out"}, {"sign-in-settings", "/settings/sign-in"}, {"new-provider", "/settings/sign-in/new-provider"}, {"provider", "/settings/sign-in/providers/sso"},
		{"audit", "/settings/audit"}, {"audit-none", "/settings/audit?action=zzz&q=zzz"}, {"groups", "/settings/groups"}, {"group", "/settings/groups/" + groups[0]}, {"group-members", "/settings/groups/members"}, {"group-delete", "/settings/groups/" + groups[0] + "/delete"},
		{"people", "/settings/people"}, {"people-none", "/settings/people?q=zzz"}, {"person", "/settings/people/" + people[4]}, {"person-admin", "/settings/people/" + admin}, {"person-delete", "/settings/people/" + people[1] + "/delete"},
		{"account", "/settings/account"}, {"tokens", "/settings/tokens"}, {"e404", "/settings/connections/nothing"}, {"e404b", "/nowhere"},
		{"V:projects-viewer", "/projects"}, {"V:e403", "/settings/people"}, {"V:notebook-viewer", P}, {"V:account-viewer", "/settings/account"}, {"V:e403-project", "/projects/" + projects[1]},
	}
	anonymous := map[string]bool{"sign-in": true, "invite": true, "shared": true, "signed-out": true, "shared-gone": true}
	for _, mode := range []struct {
		theme string
		width int64
	}{{"light", 1280}, {"dark", 390}, {"dark", 1280}, {"light", 390}} {
		name := fmt.Sprintf("%s-%d", mode.theme, mode.width)
		if m := os.Getenv("MODES"); m != "" && !strings.Contains(m, name) {
			continue
		}
		var who, anon, viewer *browser.Tab
		for i, pg := range pages {
			if i%15 == 0 {
				who, anon, viewer = p.signIn("admin@example.com"), browser.Open(t), p.signIn("person4@example.com")
				anon.Go(p.url + "/sign-in")
				for _, w := range []*browser.Tab{who, anon, viewer} {
					w.Expect("")
					w.Width(mode.width)
					w.Eval("(document.cookie = 'patchbay-theme=" + mode.theme + "; path=/', 1)")
				}
			}
			if !only.MatchString(pg[0]) || pg[1] == "" {
				continue
			}
			w, n := who, pg[0]
			if anonymous[n] {
				w = anon
			}
			if strings.HasPrefix(n, "V:") {
				w, n = viewer, n[2:]
			}
			url := pg[1]
			if strings.HasPrefix(url, "/") {
				url = p.url + url
			}
			w.Go(url)
			time.Sleep(250 * time.Millisecond)
			if strings.HasPrefix(n, "notebook") || strings.HasPrefix(n, "app") || n == "shared" {
				time.Sleep(1500 * time.Millisecond)
			}
			if wide := w.Eval("document.documentElement.scrollWidth > document.documentElement.clientWidth"); wide != "false" {
				t.Logf("SIDEWAYS %s %s", n, name)
			}
			if strings.HasPrefix(n, "notebook") && mode.width > 400 {
				w.Screenshot(dir + "/" + n + "-" + name + ".png")
			} else {
				w.Full(dir + "/" + n + "-" + name + ".png")
			}
		}
	}
}
