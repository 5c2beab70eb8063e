package access

import (
	"errors"
	"strings"
	"testing"
)

// answer is an act's outcome in one word: ok, no (and why it may be told), hidden.
func answer(t *testing.T, err error) string {
	t.Helper()
	var no *Denied
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &no) || len(no.Because) == 0 || no.Action == "" || !strings.Contains(err.Error(), no.Because[0].Words):
		t.Fatalf("a refusal must be a *Denied with its chain: %v", err)
	case no.Hidden:
		return "hidden"
	}
	return "no"
}

func TestActsOnTheWorkspace(t *testing.T) {
	for role, want := range map[string]struct{ admin, create string }{
		"admin": {"ok", "ok"}, "manager": {"no", "ok"}, "editor": {"no", "ok"}, "explorer": {"no", "no"},
		"viewer": {"no", "no"}, "guest": {"no", "no"}, "anonymous": {"no", "no"},
	} {
		a := parseActor(t, role)
		if got := answer(t, AdminOnly(a, "change settings")); got != want.admin {
			t.Errorf("%s, change settings: %s", role, got)
		}
		if got := answer(t, CreateProject(a)); got != want.create {
			t.Errorf("%s, create project: %s", role, got)
		}
	}
}

func TestActsOnAProject(t *testing.T) {
	for _, c := range []struct{ actor, shares, uses, view, edit, share string }{
		{"admin", "-", "c:-/-", "ok", "ok", "ok"},
		{"editor", "me=full", "-", "ok", "ok", "ok"},
		{"editor", "me=edit", "-", "ok", "ok", "no"},
		{"editor", "me=explore", "-", "ok", "no", "no"},
		{"viewer", "me=full", "-", "ok", "no", "no"},
		{"editor", "-", "-", "hidden", "hidden", "hidden"},
		{"editor", "me=full", "c:-/-", "hidden", "hidden", "hidden"},
		{"editor", "me=full", "c:-/public", "ok", "no", "no"},
		{"anonymous", "web=view", "-", "ok", "no", "no"},
	} {
		a, p := parseActor(t, c.actor), parseProject(t, c.shares, c.uses)
		for act, got := range map[string][2]string{
			"view":  {answer(t, ViewProject(a, p)), c.view},
			"edit":  {answer(t, EditProject(a, p)), c.edit},
			"run":   {answer(t, RunCells(a, p)), c.edit},
			"share": {answer(t, ShareProject(a, p)), c.share},
		} {
			if got[0] != got[1] {
				t.Errorf("%s %s %s: %s is %s, want %s", c.actor, c.shares, c.uses, act, got[0], got[1])
			}
		}
	}
}

func TestCreateProjectConnection(t *testing.T) {
	for _, c := range []struct {
		actor, shares, uses string
		setting             bool
		want                string
	}{
		{"admin", "-", "-", true, "ok"},
		{"manager", "me=edit", "-", true, "ok"},
		{"editor", "me=edit", "-", true, "ok"},
		{"editor", "me=edit", "-", false, "no"},
		{"admin", "-", "-", false, "no"},
		{"editor", "me=explore", "-", true, "no"},
		{"guest", "me=full", "-", true, "no"},
		{"explorer", "me=full", "-", true, "no"},
		{"editor", "-", "-", true, "hidden"},
		{"editor", "me=full", "c:-/public", true, "no"},
	} {
		if got := answer(t, CreateProjectConnection(parseActor(t, c.actor), parseProject(t, c.shares, c.uses), c.setting)); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestImport(t *testing.T) {
	for _, c := range []struct{ actor, shares, connection, want string }{
		{"editor", "me=edit", "c:members/-", "ok"},
		{"guest", "me=edit", "c:guests/-", "ok"},
		{"editor", "me=explore", "c:members/-", "no"},
		{"editor", "me=edit", "c:-/public", "hidden"},
		{"editor", "me=edit", "c:draft", "hidden"},
		{"editor", "-", "c:members/-", "hidden"},
		{"admin", "-", "c:-/-", "ok"},
		{"admin", "-", "c:draft", "no"},
		{"admin", "-", "foreign", "no"},
		{"editor", "me=edit", "foreign", "hidden"},
	} {
		if got := answer(t, Import(parseActor(t, c.actor), parseProject(t, c.shares, "-"), parseConnections(c.connection)[0])); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestActsOnAConnection(t *testing.T) {
	for _, c := range []struct {
		actor, connection     string
		adminsOnly            bool
		query, results, fresh string
	}{
		{"admin", "c:-/-", true, "ok", "ok", "ok"},
		{"admin", "c:draft", false, "no", "ok", "no"},
		{"editor", "c:members/-", false, "ok", "ok", "ok"},
		{"editor", "c:members/-", true, "ok", "ok", "no"},
		{"editor", "c:-/public", false, "hidden", "ok", "hidden"},
		{"editor", "c:-/-", false, "hidden", "hidden", "hidden"},
		{"anonymous", "c:members/public", false, "hidden", "ok", "hidden"},
	} {
		a, on := parseActor(t, c.actor), parseConnections(c.connection)[0]
		on.RefreshAdminsOnly = c.adminsOnly
		got := [3]string{answer(t, Query(a, on, nil)), answer(t, ViewResults(a, on, nil)), answer(t, RefreshSchema(a, on, nil))}
		if want := [3]string{c.query, c.results, c.fresh}; got != want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Who may view a project may know of its connections, and is told why they cannot query them.
func TestQueryOfAProjectConnectionIsExplained(t *testing.T) {
	own := Connection{ID: "own", Name: "own", ProjectID: "p"}
	for shares, want := range map[string]string{"me=edit": "ok", "me=view": "no", "-": "hidden"} {
		p := parseProject(t, shares, "own")
		if got := answer(t, Query(parseActor(t, "editor"), own, &p)); got != want {
			t.Errorf("%s: %s, want %s", shares, got, want)
		}
	}
}

func TestScopeAllows(t *testing.T) {
	allowed := map[Scope]string{ScopeSession: "read write admin session", ScopeAdmin: "read write admin", ScopeWrite: "read write", ScopeRead: "read", "made-up": ""}
	for has, needs := range allowed {
		for word, need := range map[string]Scope{"read": ScopeRead, "write": ScopeWrite, "admin": ScopeAdmin, "session": ScopeSession} {
			err := ScopeAllows(Actor{UserID: "me", Role: RoleAdmin, Scope: has}, need)
			if want := strings.Contains(needs, word); (answer(t, err) == "ok") != want {
				t.Errorf("a token of scope %q, for %s: %v", has, word, err)
			}
		}
	}
}

func TestLevelsRoundTrip(t *testing.T) {
	for l := None; l <= Full; l++ {
		if got, ok := ParseLevel(l.String()); !ok || got != l {
			t.Errorf("%v came back as %v, %v", l, got, ok)
		}
	}
	if l, ok := ParseLevel("owner"); ok || l != None {
		t.Errorf("an unknown level is %v, %v", l, ok)
	}
}

// What people read names the connection and who can grant what is missing.
func TestWordsNameTheConnectionAndWhoCanGrant(t *testing.T) {
	p := Project{ID: "p", Shares: []Share{{To: "user:me", Access: Full}}, Uses: []Connection{{ID: "c", Name: "Sales"}}}
	a := Actor{UserID: "me", Role: RoleEditor}
	locked := OnProject(a, p)
	p.Uses[0].CanViewResults = []string{GroupPublic}
	downgraded := OnProject(a, p)
	var refused *Denied
	if !errors.As(RunCells(a, p), &refused) {
		t.Fatal("a downgraded author runs cells")
	}
	for rule, because := range map[string][]Reason{RuleLockedOut: locked.Because, RuleDowngraded: downgraded.Because} {
		last := because[len(because)-1]
		if last.Rule != rule || last.ConnectionID != "c" || !strings.Contains(last.Words, "“Sales”") || !strings.Contains(last.Words, "an Admin can grant it") {
			t.Errorf("%s: %+v", rule, last)
		}
	}
	if last := refused.Because[len(refused.Because)-1]; last.Rule != RuleDowngraded {
		t.Errorf("the connection is why, not the share: %+v", last)
	}
}
