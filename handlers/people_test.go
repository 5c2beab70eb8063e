package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/totp"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// An account is changed, reset, disabled and deleted on its own page; each act is audited once.
func TestPersonPage(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	editor := s.users["editor"]
	base := "/settings/people/" + editor.ID
	s.project("editor", "Alone")
	s.project("editor", "Shared", access.Share{To: "workspace", Access: access.View})
	s.token("editor", access.ScopeRead)
	text := func(path string) string {
		return s.do("admin", "GET", path, nil).words(t)
	}
	if got := text(base); !strings.Contains(got, "Go-http-client") || !strings.Contains(got, "Scope: Read") || !strings.Contains(got, "Two-step sign-in Off") {
		t.Errorf("the page says %s", got)
	}
	bad := url.Values{"name": {"Ed"}, "email": {"admin@example.com"}, "role": {"viewer"}}
	if a := s.do("admin", "POST", base, bad); a.status != http.StatusUnprocessableEntity || a.page(t).Find("[name=name]").AttrOr("value", "") != "Ed" ||
		a.page(t).Find("#field-email-error").Length() != 1 || a.page(t).Find("[name=role][checked]").AttrOr("value", "") != "viewer" {
		t.Errorf("a taken address answers %d", a.status)
	}
	if a := s.do("admin", "POST", base, url.Values{"name": {"Ed"}, "email": {"ed@example.com"}, "role": {"viewer"}}); a.status != http.StatusSeeOther {
		t.Errorf("saving answers %d", a.status)
	}
	u, err := s.server.Store.User(t.Context(), editor.ID)
	s.check(err)
	if u.Name != "Ed" || u.Email != "ed@example.com" || u.Role != access.RoleViewer {
		t.Errorf("saved is %+v", u)
	}
	a := s.do("admin", "POST", base+"/reset", url.Values{})
	_, token, found := strings.Cut(a.page(t).Find(".banner .mono").Text(), "/invite/")
	if a.status != http.StatusOK || !found {
		t.Fatalf("resetting answers %d", a.status)
	}
	if got := text(base); strings.Contains(got, token) || !strings.Contains(got, "Invited") {
		t.Errorf("after a reset the page says %s", got)
	}
	if a := s.send(client(), "POST", "/invite/"+token, url.Values{"password": {"another quiet harbour"}}, nil); a.status != http.StatusSeeOther {
		t.Errorf("the link answers %d", a.status)
	}
	s.do("admin", "POST", base+"/disabled", url.Values{"disabled": {"true"}})
	if a := s.do("admin", "POST", base+"/reset", url.Values{}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("resetting a disabled account answers %d", a.status)
	}
	if got := text(base + "/delete"); !strings.Contains(got, "Alone · only Admins keep access") || !strings.Contains(got, "Shared · shared with others; only Admins keep Full access") || !strings.Contains(got, "1 access token") {
		t.Errorf("before deleting it says %s", got)
	}
	if a := s.do("admin", "POST", base+"/delete", url.Values{"confirm": {"editor@example.com"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the address of before answers %d", a.status)
	}
	if a := s.do("admin", "POST", base+"/delete", url.Values{"confirm": {" ED@example.com "}}); a.status != http.StatusSeeOther {
		t.Errorf("deleting answers %d", a.status)
	}
	if a := s.do("admin", "GET", base, nil); a.status != http.StatusNotFound {
		t.Errorf("the page of someone deleted answers %d", a.status)
	}
	for _, action := range []string{"user.update", "user.password_reset", "user.delete"} {
		rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: action, Limit: 10})
		s.check(err)
		want := map[string]int{"user.update": 2, "user.password_reset": 1, "user.delete": 1}[action]
		ok := 0
		for _, row := range rows {
			if row.Outcome == "ok" {
				ok++
			}
		}
		if ok != want {
			t.Errorf("%s is audited %d times, want %d", action, ok, want)
		}
	}
}

// The last Admin cannot be disabled, demoted or deleted, by whichever door, and not by two at once either.
func TestTheLastAdminStays(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	admin := s.users["admin"]
	base := "/settings/people/" + admin.ID
	token := s.token("admin", access.ScopeAdmin)
	for _, act := range []struct {
		path string
		form url.Values
	}{
		{"", url.Values{"name": {"x"}, "email": {admin.Email}, "role": {"viewer"}}}, {"/role", url.Values{"role": {"manager"}}},
		{"/disabled", url.Values{"disabled": {"true"}}}, {"/delete", url.Values{"confirm": {admin.Email}}},
	} {
		if a := s.do("admin", "POST", base+act.path, act.form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "only Admin") {
			t.Errorf("POST %s answers %d", act.path, a.status)
		}
	}
	for _, call := range [][2]string{{"PATCH", `{"role":"viewer"}`}, {"PATCH", `{"disabled":true}`}, {"DELETE", ""}} {
		if a := s.api(token, call[0], "/api/v1/users/"+admin.ID, call[1]); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s %s answers %d %s", call[0], call[1], a.status, a.body)
		}
	}
	s.named("second", access.RoleAdmin)
	w := s.server.Workspace
	for round := range 5 {
		var both sync.WaitGroup
		for _, name := range []string{"admin", "second"} {
			both.Go(func() {
				role := access.RoleManager
				if round%2 == 0 {
					_, _ = w.UpdateUser(t.Context(), s.actor("admin"), s.users[name].ID, workspace.UserChange{Role: &role})
				} else {
					_, _ = w.UpdateUser(t.Context(), s.actor("admin"), s.users[name].ID, workspace.UserChange{Disabled: ptr(true)})
				}
			})
		}
		both.Wait()
		users, err := s.server.Store.Users(t.Context())
		s.check(err)
		left := 0
		for _, u := range users {
			if u.Role == access.RoleAdmin && !u.Disabled {
				left++
			}
		}
		if left != 1 {
			t.Fatalf("round %d leaves %d Admins", round, left)
		}
		for _, u := range users {
			_, err := w.UpdateUser(t.Context(), s.actor("admin"), u.ID, workspace.UserChange{Role: ptr(access.RoleAdmin), Disabled: ptr(false)})
			s.check(err)
		}
	}
}

// The list of people is searched, filtered and paged, with 10,000 of them too.
// While nobody signs in with a password, an Admin with a password is none who could let others in.
func TestTheLastAdminOfAProviderStays(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	if err := s.server.Store.Update(t.Context(), store.AuditEntry{Who: s.actor("admin"), Action: "test.provider"}, func(tx *store.Tx) error {
		if err := tx.CreateProvider(store.Provider{ID: "sso", Name: "SSO", Issuer: "https://sso.example", ClientID: "patchbay", DefaultRole: access.RoleViewer, Enabled: true}, nil); err != nil {
			return err
		}
		if err := tx.CreateUser(store.User{ID: "outside", Email: "outside@example.com", Name: "Outside", Role: access.RoleAdmin, External: true}); err != nil {
			return err
		}
		if err := tx.PutIdentity(store.Identity{Issuer: "https://sso.example", Subject: "1", UserID: "outside", ProviderID: "sso"}); err != nil {
			return err
		}
		return tx.SetSetting(store.SettingLocalSignIn, "false")
	}); err != nil {
		t.Fatal(err)
	}
	token := s.token("admin", access.ScopeAdmin)
	for _, call := range [][2]string{{"PATCH", `{"role":"viewer"}`}, {"PATCH", `{"disabled":true}`}, {"DELETE", ""}} {
		if a := s.api(token, call[0], "/api/v1/users/outside", call[1]); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "local sign-in is off") {
			t.Errorf("%s %s answers %d %s", call[0], call[1], a.status, a.body)
		}
	}
	s.check(s.server.Store.Update(t.Context(), store.AuditEntry{Who: s.actor("admin"), Action: "test.setting"}, func(tx *store.Tx) error { return tx.SetSetting(store.SettingLocalSignIn, "true") }))
	if a := s.api(token, "PATCH", "/api/v1/users/outside", `{"role":"viewer"}`); a.status != http.StatusOK {
		t.Errorf("with local sign-in on it answers %d %s", a.status, a.body)
	}
}

func TestTenThousandPeople(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.check(s.server.Store.Update(t.Context(), store.AuditEntry{Who: s.actor("admin"), Action: "test.people"}, func(tx *store.Tx) error {
		for i := range 10_000 {
			role := access.Roles[1+i%5]
			u := store.User{ID: fmt.Sprintf("u%05d", i), Email: fmt.Sprintf("person%05d@example.com", i), Name: fmt.Sprintf("Zoë %05d", i), Role: role,
				Disabled: i%100 == 0, PasswordHash: "x", Created: time.Now(), Updated: time.Now()}
			if err := tx.CreateUser(u); err != nil {
				return err
			}
		}
		return nil
	}))
	names := func(query string) (rows int, first, pages string) {
		start := time.Now()
		a := s.do("admin", "GET", "/settings/people"+query, nil)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s takes %s", query, took)
		} else {
			t.Logf("%s: %s, %d kB", query, took.Round(time.Millisecond), len(a.body)/1000)
		}
		page := a.page(t)
		return page.Find("tbody tr").Length(), page.Find("tbody tr .row-link").First().Text(), strings.Join(strings.Fields(page.Find(".pages .n").Text()), " ")
	}
	for query, want := range map[string]struct {
		rows         int
		first, pages string
	}{
		"":                               {100, "admin", "1 to 100 of 10,001"},
		"?page=2":                        {100, "Zoë 00099", "101 to 200 of 10,001"},
		"?page=101":                      {1, "Zoë 09999", "10,001 to 10,001 of 10,001"},
		"?page=9999999":                  {1, "Zoë 09999", "10,001 to 10,001 of 10,001"},
		"?page=-1":                       {100, "admin", "1 to 100 of 10,001"},
		"?q=ZO%C3%8B+0012":               {10, "Zoë 00120", ""},
		"?state=disabled":                {100, "Zoë 00000", ""},
		"?role=guest&state=active":       {100, "Zoë 00004", "1 to 100 of 2,000"},
		"?role=guest&q=person00004&page": {1, "Zoë 00004", ""},
		"?role=nonsense":                 {0, "", ""},
		"?q=%3Cscript%3E":                {0, "", ""},
	} {
		if rows, first, pages := names(query); rows != want.rows || first != want.first || pages != want.pages {
			t.Errorf("%s shows %d rows from %q, %q", query, rows, first, pages)
		}
	}
	next := s.do("admin", "GET", "/settings/people?role=guest&page=3", nil).page(t).Find(".pages a")
	if next.Length() != 2 || next.First().AttrOr("href", "") != "/settings/people?page=2&role=guest" {
		t.Errorf("the pager leads to %s", next.First().AttrOr("href", ""))
	}
	g, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "All")
	s.check(err)
	s.raw("insert into group_member(group_id, user_id, source) select '" + g.ID + "', id, 'hand' from user_account")
	start := time.Now()
	page := s.do("admin", "GET", "/settings/groups/"+g.ID+"?add=zo", nil).page(t)
	t.Logf("a group of 10,001: %s", time.Since(start).Round(time.Millisecond))
	if n := page.Find("[aria-label=Members] li").Length(); n != 100 {
		t.Errorf("%d members are shown", n)
	}
}

// People change their own name and password, and are told at the field what is wrong.
func TestOwnAccount(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleViewer)
	if a := s.do("viewer", "POST", "/settings/account", url.Values{"name": {strings.Repeat("x", 121)}}); a.status != http.StatusUnprocessableEntity ||
		len(a.page(t).Find("[name=name]").AttrOr("value", "")) != 121 {
		t.Errorf("a long name answers %d", a.status)
	}
	if a := s.do("viewer", "POST", "/settings/account", url.Values{"name": {"Vi"}}); a.status != http.StatusSeeOther {
		t.Errorf("a name answers %d", a.status)
	}
	for field, form := range map[string]url.Values{
		"current": {"current": {"wrong"}, "password": {"another quiet harbour"}}, "password": {"current": {password}, "password": {"too little"}},
	} {
		a := s.do("viewer", "POST", "/settings/account/password", form)
		if a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-"+field+"-error").Length() != 1 || strings.Contains(a.body, form.Get("password")) {
			t.Errorf("%s: answers %d", field, a.status)
		}
	}
	if a := s.do("viewer", "POST", "/settings/account/password", url.Values{"current": {password}, "password": {"another quiet harbour"}}); a.status != http.StatusSeeOther {
		t.Errorf("a password answers %d", a.status)
	}
	if a := s.do("viewer", "GET", "/settings/account?saved=password", nil); a.status != http.StatusOK || !strings.Contains(a.body, "Your password is changed") {
		t.Errorf("afterwards the page answers %d", a.status)
	}
	if a := s.send(client(), "POST", "/sign-in", url.Values{"email": {"viewer@example.com"}, "password": {password}}, nil); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the old password answers %d", a.status)
	}
	byToken := s.actor("viewer")
	byToken.Scope = access.ScopeWrite
	if err := s.server.Workspace.SetOwnName(t.Context(), byToken, "Mallory"); err == nil {
		t.Error("a token changed its person's name")
	}
}

// Two-step sign-in from its picture to the Admin who removes it, through the pages.
func TestTwoStepSignIn(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	now := func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }
	later := func(d time.Duration) { s.later.Add(int64(d)) }
	editor := s.users["editor"]

	later(10 * time.Minute)
	if a := s.do("editor", "POST", "/settings/account/totp", url.Values{}); a.status != http.StatusForbidden {
		t.Errorf("setting up long after the password answers %d", a.status)
	}
	page := s.do("editor", "POST", "/settings/account/totp", url.Values{confirmField: {password}}).page(t)
	secret := page.Find("pb-copy").AttrOr("data-text", "")
	if src := page.Find("img.qr").AttrOr("src", ""); secret == "" || !strings.HasPrefix(src, "data:image/png;base64,") {
		t.Fatalf("the page shows the picture %.40s", src)
	}
	a := s.do("editor", "POST", "/settings/account/totp/confirm", url.Values{"code": {"1"}})
	if a.status != http.StatusUnprocessableEntity || a.page(t).Find("pb-copy").AttrOr("data-text", "") != secret {
		t.Errorf("a wrong first code answers %d", a.status)
	}
	code, err := totp.GenerateCode(secret, now())
	s.check(err)
	a = s.do("editor", "POST", "/settings/account/totp/confirm", url.Values{"code": {code}})
	recovery := a.page(t).Find(".codes li").Map(func(_ int, li *goquery.Selection) string { return li.Text() })
	if a.status != http.StatusOK || len(recovery) != 10 {
		t.Fatalf("the first code answers %d with %d recovery codes", a.status, len(recovery))
	}
	if got := s.do("editor", "GET", "/settings/account", nil).body; strings.Contains(got, recovery[0]) || strings.Contains(got, secret) || !strings.Contains(got, "10 recovery codes are left") {
		t.Error("the account page shows what it must not, or not what it must")
	}

	b := client()
	a = s.send(b, "POST", "/sign-in", url.Values{"email": {editor.Email}, "password": {password}, "next": {"/settings/tokens"}}, nil)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in/code?next=%2Fsettings%2Ftokens" {
		t.Fatalf("the password answers %d to %s", a.status, a.header.Get("Location"))
	}
	if a := s.send(b, "GET", "/projects", nil, nil); a.status != http.StatusSeeOther {
		t.Errorf("before the code, /projects answers %d", a.status)
	}
	if a := s.send(b, "GET", "/sign-in/code", nil, nil); a.status != http.StatusOK {
		t.Errorf("the page for the code answers %d", a.status)
	}
	if a := s.send(b, "POST", "/sign-in/code", url.Values{"code": {"000000"}, "next": {"/settings/tokens"}}, nil); a.status != http.StatusUnprocessableEntity || a.page(t).Find("[name=next]").AttrOr("value", "") != "/settings/tokens" {
		t.Errorf("a wrong code answers %d", a.status)
	}
	if a := s.send(b, "POST", "/sign-in/code", url.Values{"code": {recovery[0]}, "next": {"//evil.example"}}, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Errorf("a recovery code answers %d to %s", a.status, a.header.Get("Location"))
	}
	if a := s.send(b, "GET", "/projects", nil, nil); a.status != http.StatusOK {
		t.Errorf("after the code, /projects answers %d", a.status)
	}
	if a := s.send(client(), "GET", "/sign-in/code?next=/x", nil, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in?next=%2Fx" {
		t.Errorf("without a password, the page for the code answers %d", a.status)
	}

	later(10 * time.Minute)
	form := url.Values{"name": {"x"}, "scope": {"read"}, "days": {"7"}}
	if a := s.do("editor", "POST", "/settings/tokens", form); a.page(t).Find("[name="+codeField+"]").Length() != 1 {
		t.Errorf("confirming does not ask for the code: %d", a.status)
	}
	form.Set(confirmField, password)
	form.Set(codeField, "000000")
	if a := s.do("editor", "POST", "/settings/tokens", form); a.status != http.StatusForbidden || a.page(t).Find("#field-confirm_code-error").Length() != 1 ||
		a.page(t).Find("input[type=hidden][name="+codeField+"]").Length() != 0 {
		t.Errorf("confirming with a wrong code answers %d", a.status)
	}
	code, err = totp.GenerateCode(secret, now())
	s.check(err)
	form.Set(codeField, code)
	if a := s.do("editor", "POST", "/settings/tokens", form); a.status != http.StatusOK || !strings.Contains(a.body, "pbk_") {
		t.Errorf("confirming with the code answers %d", a.status)
	}
	if a := s.do("editor", "POST", "/settings/account/totp/off", url.Values{"totp_password": {password}, "totp_code": {code}}); a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-totp_code-error").Length() != 1 {
		t.Errorf("turning off with a used code answers %d", a.status)
	}

	remove := "/settings/people/" + editor.ID + "/totp/remove"
	if a := s.do("admin", "POST", remove, url.Values{}); a.status != http.StatusForbidden {
		t.Errorf("an Admin who did not confirm gets %d", a.status)
	}
	if a := s.do("admin", "POST", remove, url.Values{confirmField: {password}}); a.status != http.StatusSeeOther {
		t.Errorf("removing answers %d", a.status)
	}
	a = s.send(client(), "POST", "/sign-in", url.Values{"email": {editor.Email}, "password": {password}}, nil)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Errorf("signing in without it answers %d to %s", a.status, a.header.Get("Location"))
	}
	rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: "user.totp_remove", Limit: 10})
	s.check(err)
	if len(rows) != 1 || rows[0].ObjectName != editor.Email {
		t.Errorf("audited %+v", rows)
	}
}
