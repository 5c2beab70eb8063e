package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"patchbay/e2e/browser"
	"patchbay/e2e/servers"
)

// The self-hoster: two commands, one link, and a sample that answers.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	p := run(t, "PATCHBAY_SAMPLE=true")
	tab := browser.Open(t)
	tab.Expect("422")
	tab.Expect("410")
	tab.Go(p.url + "/")
	tab.See("Open the setup link that the server printed")
	tab.Go(p.setupLink)
	tab.Fill("name", "Mira Kováč")
	tab.Fill("email", "mira@example.com")
	tab.Fill("password", "short")
	tab.Press("Create the first Admin")
	tab.Want("document.querySelector('#field-password-error') !== null", true)
	tab.Want("document.querySelector('[name=email]').value", "mira@example.com")
	tab.Fill("password", password)
	tab.Press("Create the first Admin")
	tab.See("Sample: a look at the shop")
	second := browser.Open(t)
	second.Expect("410")
	second.Go(p.setupLink)
	second.See("This link was used or has expired")

	tab.Press("Sample: a look at the shop")
	tab.Want("document.querySelectorAll('pb-editor.is-ready').length", 3)
	tab.Press("Run all")
	tab.Want("document.querySelectorAll('#cells [role=grid]').length", 3)
	tab.Want("[...document.querySelectorAll('#cells .cell-foot')].at(-1).innerText.includes('50,000 rows')", true)
	tab.Want("[...document.querySelectorAll('#cells [role=grid]')].at(-1).ariaRowCount", "50001")
	cities := "[...document.querySelectorAll('#cells [role=grid]')][1].querySelector('[aria-rowindex=\"2\"] [aria-colindex=\"3\"]').textContent"
	tab.Want(cities, "Bratislava")
	tab.Fill("value", "Germany")
	tab.Want("document.querySelectorAll('[id$=-saved] .error').length", 0)
	tab.Eval("(document.querySelectorAll('[data-run]')[1].click(), 1)")
	tab.Want(cities, "Berlin")
	tab.Want("document.querySelectorAll('a[download]').length", 3)
	csv := tab.Await("fetch(document.querySelector('a[download]').href).then((r) => r.text())")
	if !strings.HasPrefix(csv, `"month,region,orders,revenue`) || strings.Count(csv, `\n`) < 100 {
		t.Errorf("the export begins %.200s", csv)
	}
	for _, node := range []string{"Sample shop", "sample", "main"} {
		row := "[...document.querySelectorAll('.tree-row')].find((r) => r.querySelector('.tree-name').textContent === '" + node + "')"
		tab.Want(row+" !== undefined", true)
		tab.Eval("(" + row + ".click(), 1)")
	}
	tab.Want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 'web_events')", true)
	tab.Go(p.url + "/projects")
	tab.Activate("form[action='/sign-out']")
	tab.Want("location.pathname", "/sign-in")
	tab.Go(p.url + "/settings/people")
	tab.Want("location.pathname", "/sign-in")
}

// fillPostgres fills the form of a PostgreSQL connection.
func fillPostgres(tab *browser.Tab, s *servers.Server, name, password string) {
	tab.Fill("name", name)
	tab.Fill("host", s.Host)
	tab.Fill("port", strconv.Itoa(s.Port))
	tab.Fill("database", s.Database)
	tab.Fill("user", s.User)
	tab.Fill("password", password)
	tab.Eval("(document.querySelectorAll('details.fold').forEach((d) => { d.open = true; }), 1)")
	tab.Fill("tls_ca", s.CA)
}

// The admin: connects PostgreSQL, mistypes the password, reads the hint, mends it, watches the refresh.
func TestAdminConnectsPostgres(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "e2e"})
	server.Exec(t, server.Database, "create table orders (id bigint primary key, total numeric(10,2)); comment on table orders is 'What was sold'",
		"create table customers (id int primary key, name text)")
	p, tab := withAdmin(t)
	tab.Expect("422")
	tab.Go(p.url + "/settings/connections")
	tab.See("Connect your first database")
	tab.Press("Connection")
	tab.Click(`a[href$="/postgres"]`)
	fillPostgres(tab, server, "Warehouse", "not the password")
	tab.Press("Test connection")
	tab.Want("document.querySelector('.checks .is-bad')?.innerText.includes('Signed in')", true)
	tab.Want("document.querySelector('.checks .cause').innerText.trim().split('\\n').length >= 2", true)
	tab.Fill("password", server.Password)
	tab.Press("Test connection")
	tab.See("It works")
	tab.Press("Create connection")
	tab.Want("document.querySelector('#live')?.innerText.includes('Connected')", true)
	tab.See("Schema refreshes")
	tab.Go(p.url + "/settings/connections")
	tab.See("2 tables")
	tab.Click(".row-link")
	tab.Click("details > summary.row")
	tab.Want("document.querySelector('.change-list').innerText.includes('orders')", true)

	tab.Press("Edit")
	tab.See("Saved")
	if strings.Contains(tab.Eval("document.documentElement.outerHTML"), server.Password) {
		t.Error("the password is in the page")
	}
	tab.Fill("host", "elsewhere.invalid")
	tab.Press("Save changes")
	tab.Want("document.querySelector('[data-field=password] .error') !== null", true)
	tab.Want("document.querySelector('[name=host]').value", "elsewhere.invalid")

	tab.Go(p.url + "/settings/connections")
	tab.Click(".row-link")
	tab.Press("Schedule")
	tab.Fill("schedule_kind", "weekly")
	tab.Click("[name=schedule_days][value=mon]")
	tab.Want("document.querySelectorAll('#next-runs li').length", 5)
	tab.Press("Save schedule")
	tab.See("Mon")
	tab.Press("Delete connection")
	tab.Fill("confirm", "Warehouse")
	tab.Press("Delete connection")
	tab.See("Connect your first database")
}

// Tried as a new user would: each mistake has words and a hint of its own, within 30 s.
func TestEachMistakeHasItsOwnWords(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "e2e"})
	other := servers.Postgres(t, servers.Options{Certificate: servers.OtherAuthority})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	p, _ := withAdmin(t)
	token := p.token()
	base := func() map[string]string {
		return map[string]string{"host": server.Host, "port": strconv.Itoa(server.Port), "database": server.Database, "user": server.User, "tls_ca": server.CA}
	}
	words := map[string]string{}
	for name, mistake := range map[string]func(config, secrets map[string]string){
		"host":        func(c, _ map[string]string) { c["host"] = "nowhere.invalid" },
		"port":        func(c, _ map[string]string) { c["port"] = "1" },
		"password":    func(_, s map[string]string) { s["password"] = "wrong" },
		"database":    func(c, _ map[string]string) { c["database"] = "nothing" },
		"certificate": func(c, _ map[string]string) { c["host"], c["port"] = other.Host, strconv.Itoa(other.Port) },
		"silence":     func(c, _ map[string]string) { c["port"] = strconv.Itoa(silent.Addr().(*net.TCPAddr).Port) },
	} {
		config, secrets := base(), map[string]string{"password": server.Password}
		mistake(config, secrets)
		body, err := json.Marshal(map[string]any{"type": "postgres", "config": config, "secrets": secrets})
		if err != nil {
			t.Fatal(err)
		}
		status, text := p.api(token, "POST", "/api/v1/connections/test", string(body))
		var report struct {
			OK    bool
			Steps []struct {
				Name, Detail, Hint string
				OK                 bool
			}
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil || status != 200 || report.OK || len(report.Steps) == 0 {
			t.Errorf("%s: %d %s", name, status, text)
			continue
		}
		failed := report.Steps[len(report.Steps)-1]
		said := fmt.Sprint(failed.Name, "|", failed.Hint)
		if failed.OK || failed.Hint == "" || strings.Contains(text, server.Password) {
			t.Errorf("%s: %s", name, text)
		}
		if twin, taken := words[said]; taken {
			t.Errorf("%s and %s say the same: %s", name, twin, said)
		}
		words[said] = name
	}
}

// The analyst: finds a column by search, queries, scrolls to the end, cancels, exports.
func TestAnalyst(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t, servers.Options{Name: "e2e analyst"})
	server.Exec(t, server.Database, "create table orders (id bigint primary key, shipping_country text); insert into orders select i, 'c' || i from generate_series(1, 200000) i",
		"grant select on orders to "+server.User)
	p, admin := withAdmin(t)
	admin.Go(p.url + "/settings/new-connection/postgres")
	fillPostgres(admin, server, "Warehouse", server.Password)
	admin.Press("Create connection")
	admin.Want("document.querySelector('#live')?.innerText.includes('Connected')", true)
	token := p.token()
	if status, body := p.api(token, "POST", "/api/v1/users", `{"email":"ana@example.com","name":"Ana","role":"editor","password":"`+password+`"}`); status != 201 {
		t.Fatalf("creating the analyst: %d %s", status, body)
	}
	tab := p.signIn("ana@example.com")
	tab.Expect("422")
	tab.Press("New notebook")
	tab.Fill("name", "Revenue")
	tab.Press("Create notebook")
	tab.Press("Add a data connection")
	tab.Press("Import")
	tab.Want("document.querySelector('pb-tree .tree-name')?.textContent", "Warehouse")
	tab.Eval("((f) => { f.focus(); f.value = 'shipping'; f.dispatchEvent(new Event('input', { bubbles: true })); return 1; })(document.querySelector('pb-tree [data-search]'))")
	tab.Want("document.querySelector('[role=option] .tree-name')?.textContent", "shipping_country")
	tab.Want("document.querySelector('[role=option] mark')?.textContent", "shipping")
	tab.Click("[role=option]")
	tab.See("shipping_country")
	tab.Press("Query this table")
	tab.Want("document.querySelector('#cells pb-editor.is-ready textarea')?.value.includes('orders')", true)
	tab.Activate("[data-run]")
	tab.Want("document.querySelector('[role=grid]')?.ariaRowCount", "101")
	write := func(sql string) {
		tab.Eval("((f) => { f.value = " + strconv.Quote(sql) + "; f.dispatchEvent(new Event('change', { bubbles: true })); return 1; })(document.querySelector('#cells textarea'))")
	}
	write("select id, shipping_country from orders order by id")
	tab.Want("document.querySelector('#cells .cell-bar') !== null", true)
	tab.Activate("[data-run]")
	tab.Want("document.querySelector('[role=grid]')?.ariaRowCount", "200001")
	tab.Eval("((g) => { g.scrollTop = g.scrollHeight; return 1; })(document.querySelector('.grid'))")
	tab.Want("[...document.querySelectorAll('.grid-row')].some((r) => r.textContent.includes('c200000'))", true)
	write("select 'slow' as pace, pg_sleep(1.5)::text as nothing")
	tab.Activate("[data-run]")
	tab.Want("document.querySelector('.cell-foot')?.innerText.includes('so far') ?? false", true)
	tab.Want("document.querySelector('.cell-foot')?.innerText.includes('1 row ')", true)
	tab.Want("document.querySelector('[role=grid] [aria-rowindex=\"2\"] [aria-colindex=\"2\"]')?.textContent", "slow")
	write("select pg_sleep(60)")
	tab.Activate("[data-run]")
	tab.Press("Cancel")
	tab.Want("document.querySelector('.cell-output').innerText.includes('ancelled')", true)
	write("select nothing from orders")
	tab.Activate("[data-run]")
	tab.Want("document.querySelector('.cell-output [data-error-at]')?.dataset.errorAt", "8")
}
