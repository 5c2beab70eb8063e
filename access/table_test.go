package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Expected answers, written from the product's contract and not from the code. An actor is a role with its groups, such as
// "viewer+analysts". A share is to=level. A connection is name:can query/can view results, groups by comma, "-" for none;
// "own" is a project connection of the same project, "draft" an unfinished one.
const projectTable = `
# actor            shares                          connections                       access   why not more

# Roles, and what they cap. An Admin has Full access everywhere; shares with the workspace do not reach guests.
admin              -                               -                                 full     explores
admin              -                               c:-/-                             full     explores
admin              -                               c:draft                           full     explores
manager            -                               -                                 none
manager            me=full                         -                                 full     explores
editor             me=full                         -                                 full     explores
editor             me=view                         -                                 view
editor             me=explore                      -                                 explore  explores
explorer           me=full                         -                                 explore  explores
explorer           me=view                         -                                 view
viewer             me=full                         -                                 view
viewer             me=edit                         -                                 view
guest              me=full                         c:guests/-                        full     explores
guest              workspace=full                  -                                 none
guest              group:members=full              -                                 none
guest              group:guests=edit               c:guests/-                        edit     explores
guest+partners     group:partners=explore          c:partners/-                      explore  explores
nobody             me=full                         -                                 none

# Shares add up: the highest wins, in any order.
editor             other=full                      -                                 none
editor             workspace=edit                  -                                 edit     explores
editor             workspace=view,me=edit          -                                 edit     explores
editor             me=edit,workspace=view          -                                 edit     explores
editor+analysts    group:analysts=edit,me=view     -                                 edit     explores
editor             group:analysts=edit             -                                 none
editor             group:members=explore           -                                 explore  explores

# The web: anonymous, Can view only.
anonymous          -                               -                                 none
anonymous          workspace=full                  -                                 none
anonymous          group:members=full              -                                 none
anonymous          web=view                        -                                 view
anonymous          web=full                        -                                 view
anonymous          group:public=full               -                                 view
editor             group:public=full               -                                 view
anonymous          user:=full                      -                                 none
guest              web=view                        -                                 view
editor             web=full                        -                                 view
anonymous          web=view                        c:members/public                  view
anonymous          web=view                        c:members/members                 none     locked by c
anonymous          web=view                        c:public/-                        none     locked by c
anonymous          web=view                        c:members/public,d:members/-      none     locked by d
anonymous          web=view                        own                               view

# Without Can view results on any one connection: locked out, whatever the share.
editor             me=full                         c:-/-                             none     locked by c
editor             me=full                         c:analysts/analysts               none     locked by c
editor+analysts    me=full                         c:-/analysts,d:-/finance          none     locked by d
viewer             me=view                         c:-/finance,d:-/finance           none     locked by c,d
manager            me=full                         c:draft                           none     locked by c
guest              me=edit                         c:members/members                 none     locked by c
editor             -                               c:-/-                             none

# With Can view results but without Can query: an author is downgraded and may still filter and chart.
editor             me=full                         c:-/public                        explore  downgraded by c, explores
manager            me=edit                         c:analysts/public,d:members/-     explore  downgraded by c, explores
editor             me=edit                         c:-/public,d:-/public             explore  downgraded by c,d, explores
guest              me=edit                         c:members/public                  explore  downgraded by c, explores
editor+analysts    me=edit                         c:analysts/-                      edit     explores
editor             me=edit                         c:public/public                   explore  downgraded by c, explores

# Someone with Can explore and no Can query sees notebook and app and cannot explore.
editor             me=explore                      c:-/public                        explore  stopped by c
explorer           me=full                         c:-/public                        explore  stopped by c
explorer           me=full                         c:members/-                       explore  explores
viewer             me=full                         c:-/public                        view

# A project connection has no permissions of its own.
editor             me=edit                         own                               edit     explores
explorer           me=explore                      own                               explore  explores
viewer             me=view                         own                               view
editor             me=edit                         own,c:-/public                    explore  downgraded by c, explores
editor             me=edit                         foreign                           none     locked by foreign
`

func parseActor(t *testing.T, s string) Actor {
	t.Helper()
	role, groups, _ := strings.Cut(s, "+")
	switch role {
	case "anonymous":
		return Actor{}
	case "nobody":
		return Actor{UserID: "me", Role: "retired"}
	}
	if !slices.Contains(Roles, Role(role)) {
		t.Fatalf("no role %q", role)
	}
	a := Actor{UserID: "me", Role: Role(role)}
	if groups != "" {
		a.Groups = strings.Split(groups, "+")
	}
	return a
}

func list(s string) []string {
	if s == "-" {
		return nil
	}
	return strings.Split(s, ",")
}

func parseConnections(s string) []Connection {
	var cs []Connection
	for _, field := range splitConnections(s) {
		name, permissions, _ := strings.Cut(field, ":")
		c := Connection{ID: name, Name: name}
		switch query, results, _ := strings.Cut(permissions, "/"); {
		case name == "own":
			c.ProjectID = "p"
		case name == "foreign":
			c.ProjectID = "another"
		case query == "draft":
			c.Draft, c.CanQuery, c.CanViewResults = true, []string{GroupMembers}, []string{GroupPublic}
		default:
			c.CanQuery, c.CanViewResults = list(query), list(results)
		}
		cs = append(cs, c)
	}
	return cs
}

// splitConnections splits at commas that stand before another connection's name, not inside a list of groups.
func splitConnections(s string) []string {
	var fields []string
	for _, part := range list(s) {
		if strings.Contains(part, ":") || part == "own" || part == "foreign" {
			fields = append(fields, part)
		} else {
			fields[len(fields)-1] += "," + part
		}
	}
	return fields
}

func parseProject(t *testing.T, shares, uses string) Project {
	t.Helper()
	p := Project{ID: "p", Uses: parseConnections(uses)}
	for _, s := range list(shares) {
		to, level, _ := strings.Cut(s, "=")
		if to == "me" || to == "other" {
			to = "user:" + to
		}
		l, ok := ParseLevel(level)
		if !ok {
			t.Fatalf("no level %q", level)
		}
		p.Shares = append(p.Shares, Share{To: to, Access: l})
	}
	return p
}

// describe writes a decision in the words of the table.
func describe(d ProjectDecision) string {
	why := []string{}
	for _, part := range []struct{ rule, words string }{{RuleLockedOut, "locked by "}, {RuleDowngraded, "downgraded by "}, {RuleCannotExplore, "stopped by "}} {
		var names []string
		for _, r := range d.Because {
			if r.Rule == part.rule {
				names = append(names, r.ConnectionID)
			}
		}
		if names != nil {
			why = append(why, part.words+strings.Join(names, ","))
		}
	}
	if d.CanExplore {
		why = append(why, "explores")
	}
	return strings.TrimSpace(fmt.Sprintf("%-8s %s", d.Access, strings.Join(why, ", ")))
}

func TestOnProjectAgainstTheTable(t *testing.T) {
	rows := 0
	for _, line := range strings.Split(projectTable, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		rows++
		d := OnProject(parseActor(t, f[0]), parseProject(t, f[1], f[2]))
		want := strings.TrimSpace(fmt.Sprintf("%-8s %s", f[3], strings.Join(f[4:], " ")))
		if got := describe(d); got != want {
			t.Errorf("%s\n got  %s\n want %s", line, got, want)
		}
		if d.LockedOut != strings.Contains(want, "locked") || d.Downgraded != strings.Contains(want, "downgraded") {
			t.Errorf("%s: locked out %v, downgraded %v", line, d.LockedOut, d.Downgraded)
		}
	}
	if rows < 50 {
		t.Fatalf("only %d rows were read", rows)
	}
}

// Who may do what with one connection: q may query, v may view results, r may refresh the schema.
const connectionTable = `
# actor            connection            refresh   may

admin              c:-/-                 query     qvr
admin              c:-/-                 admins    qvr
admin              c:draft               query     v
editor             c:members/-           query     qvr
editor             c:members/-           admins    qv
viewer             c:members/-           query     qvr
explorer           c:-/members           query     v
editor             c:-/public            query     v
editor             c:-/-                 query     -
editor+analysts    c:analysts/-          query     qvr
editor+analysts    c:finance,analysts/-  query     qvr
editor+analysts    c:finance/analysts    query     v
editor+finance     c:analysts/analysts   query     -
editor             c:draft               query     -
editor             c:public/-            query     -
guest              c:members/members     query     -
guest              c:members/public      query     v
guest              c:guests/-            query     qvr
guest+partners     c:partners/-          query     qvr
anonymous          c:members/public      query     v
anonymous          c:members/members     query     -
anonymous          c:public/public       query     v
anonymous          c:-/-                 query     -
`

func describeConnection(d ConnectionDecision) string {
	s := ""
	for _, p := range []struct {
		may  bool
		word string
	}{{d.CanQuery, "q"}, {d.CanViewResults, "v"}, {d.CanRefreshSchema, "r"}} {
		if p.may {
			s += p.word
		}
	}
	if s == "" {
		return "-"
	}
	return s
}

func TestOnConnectionAgainstTheTable(t *testing.T) {
	for _, line := range strings.Split(connectionTable, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		c := parseConnections(f[1])[0]
		c.RefreshAdminsOnly = f[2] == "admins"
		if got := describeConnection(OnConnection(parseActor(t, f[0]), c, nil)); got != f[3] {
			t.Errorf("%s\n got %s", line, got)
		}
	}
}

// A project connection: the project's access decides, and its lists and settings are not read.
const projectConnectionTable = `
# actor            shares               other connections   may

admin              -                    -                   qvr
editor             me=full              -                   qvr
editor             me=edit              -                   qvr
editor             me=explore           -                   v
editor             me=view              -                   v
editor             -                    -                   -
explorer           me=full              -                   v
viewer             me=full              -                   v
guest              me=edit              -                   qvr
anonymous          web=view             -                   v
anonymous          me=view              -                   -
editor             me=full              c:-/public          v
editor             me=full              c:-/-               -
`

func TestProjectConnectionAgainstTheTable(t *testing.T) {
	for _, line := range strings.Split(projectConnectionTable, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		a, p := parseActor(t, f[0]), parseProject(t, f[1], f[2])
		own := Connection{ID: "own", Name: "own", ProjectID: "p", RefreshAdminsOnly: true, CanViewResults: []string{GroupPublic}, CanQuery: []string{GroupMembers}}
		p.Uses = append(p.Uses, own)
		if got := describeConnection(OnConnection(a, own, &p)); got != f[3] {
			t.Errorf("%s\n got %s", line, got)
		}
		other := Project{ID: "another", Shares: p.Shares}
		for _, wrong := range []*Project{nil, &other} {
			want := "-"
			if a.IsAdmin() {
				want = "qvr"
			}
			if got := describeConnection(OnConnection(a, own, wrong)); got != want {
				t.Errorf("%s, without its project: %s", line, got)
			}
		}
		own.Draft = true
		if OnConnection(a, own, &p).CanQuery {
			t.Errorf("%s: a draft can be queried", line)
		}
	}
}
