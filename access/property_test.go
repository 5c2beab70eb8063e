package access

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	someGroups = []string{"a", "b", "c"}
	allGroups  = append([]string{GroupMembers, GroupGuests, GroupPublic}, someGroups...)
)

func drawGroups(t *rapid.T, from []string, name string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, len(from), rapid.ID[string]).Draw(t, name)
}

func drawActor(t *rapid.T) Actor {
	if rapid.IntRange(0, 6).Draw(t, "anonymous") == 0 {
		return Actor{}
	}
	return Actor{UserID: "me", Role: rapid.SampledFrom(Roles).Draw(t, "role"), Groups: drawGroups(t, someGroups, "groups")}
}

func drawConnection(t *rapid.T) Connection {
	return Connection{ID: rapid.StringMatching("[a-z]{3}").Draw(t, "id"), Name: "name",
		ProjectID: rapid.SampledFrom([]string{"", "", "", "p", "another"}).Draw(t, "project"), Draft: rapid.IntRange(0, 9).Draw(t, "draft") == 0,
		CanQuery: drawGroups(t, allGroups, "query"), CanViewResults: drawGroups(t, allGroups, "results"), RefreshAdminsOnly: rapid.Bool().Draw(t, "admins")}
}

func drawProject(t *rapid.T) Project {
	p := Project{ID: "p"}
	targets := []string{"user:me", "user:other", "workspace", "web", "group:a", "group:b", "group:members", "group:guests", "group:public"}
	for range rapid.IntRange(0, 4).Draw(t, "shares") {
		p.Shares = append(p.Shares, Share{To: rapid.SampledFrom(targets).Draw(t, "to"), Access: Level(rapid.IntRange(1, 4).Draw(t, "level"))})
	}
	for range rapid.IntRange(0, 3).Draw(t, "uses") {
		p.Uses = append(p.Uses, drawConnection(t))
	}
	return p
}

// within says whether b allows everything that a allows.
func within(a, b ConnectionDecision) bool {
	return (!a.CanQuery || b.CanQuery) && (!a.CanViewResults || b.CanViewResults) && (!a.CanRefreshSchema || b.CanRefreshSchema)
}

func TestAddingAGroupNeverRemovesAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		more := a
		more.Groups = append(slices.Clone(a.Groups), rapid.SampledFrom(someGroups).Draw(t, "added"))
		before, after := OnProject(a, p), OnProject(more, p)
		if after.Access < before.Access || (before.CanExplore && !after.CanExplore) {
			t.Fatalf("project: %v became %v", before, after)
		}
		if !within(OnConnection(a, c, &p), OnConnection(more, c, &p)) {
			t.Fatalf("connection: %v became %v", OnConnection(a, c, &p), OnConnection(more, c, &p))
		}
	})
}

// Giving a permission to one more group, and sharing with one more, never take anything away either.
func TestGrantingNeverRemovesAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p := drawActor(t), drawProject(t)
		before := OnProject(a, p)
		wider := Project{ID: p.ID, Shares: append(slices.Clone(p.Shares), Share{To: "group:a", Access: Level(rapid.IntRange(1, 4).Draw(t, "level"))})}
		for _, c := range p.Uses {
			c.CanQuery = append(slices.Clone(c.CanQuery), rapid.SampledFrom(allGroups).Draw(t, "query"))
			c.CanViewResults = append(slices.Clone(c.CanViewResults), rapid.SampledFrom(allGroups).Draw(t, "results"))
			if !within(OnConnection(a, Connection{CanQuery: c.CanQuery[:len(c.CanQuery)-1]}, nil), OnConnection(a, Connection{CanQuery: c.CanQuery}, nil)) {
				t.Fatal("one more group on a connection took something away")
			}
			wider.Uses = append(wider.Uses, c)
		}
		if after := OnProject(a, wider); after.Access < before.Access {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

// Importing a connection never gives anybody more than they had.
func TestImportingNeverAddsAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p := drawActor(t), drawProject(t)
		before := OnProject(a, p)
		p.Uses = append(p.Uses, drawConnection(t))
		if after := OnProject(a, p); after.Access > before.Access {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

// Whatever a visitor may do, everyone signed in may do; whatever anyone may do, an Admin may do.
func TestVisitorsHaveTheLeastAndAdminsTheMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		visitor, boss := Actor{}, Actor{UserID: "boss", Role: RoleAdmin}
		if got := OnProject(a, p); got.Access < OnProject(visitor, p).Access || got.Access > OnProject(boss, p).Access {
			t.Fatalf("%+v has %v", a, got.Access)
		}
		d := OnConnection(a, c, &p)
		if !within(OnConnection(visitor, c, &p), d) || !within(d, OnConnection(boss, c, &p)) {
			t.Fatalf("%+v on %+v: %+v", a, c, d)
		}
		if v := OnConnection(visitor, c, &p); v.CanQuery || v.CanRefreshSchema || OnProject(visitor, p).Access > View {
			t.Fatalf("a visitor may %+v", v)
		}
	})
}

// The chain of rules is never empty, every link has words, and the chain alone tells the decision.
func TestExplainEqualsDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		d, on := OnProject(a, p), OnConnection(a, c, &p)
		for _, chain := range [][]Reason{d.Because, on.Because} {
			if len(chain) == 0 || slices.ContainsFunc(chain, func(r Reason) bool { return r.Rule == "" || r.Words == "" }) {
				t.Fatalf("a decision without reasons: %+v", chain)
			}
		}
		has := func(chain []Reason, rule string) bool {
			return slices.ContainsFunc(chain, func(r Reason) bool { return r.Rule == rule })
		}
		nothing := has(d.Because, RuleNoShare) || has(d.Because, RuleLockedOut)
		if (d.Access == None) != nothing || d.LockedOut != has(d.Because, RuleLockedOut) || d.Downgraded != has(d.Because, RuleDowngraded) {
			t.Fatalf("the chain tells another story: %+v", d)
		}
		if stopped := has(d.Because, RuleCannotExplore); d.CanExplore != (d.Access >= Explore && !stopped) {
			t.Fatalf("exploring: %+v", d)
		}
		if !a.IsAdmin() && c.ProjectID == "" && !c.Draft && (on.CanQuery != has(on.Because, RuleQuery) ||
			on.CanViewResults != has(on.Because, RuleResults) || on.CanRefreshSchema != has(on.Because, RuleRefresh)) {
			t.Fatalf("the chain tells another story: %+v", on)
		}
	})
}

// Each act answers as the decision does: no second copy of a rule.
func TestActsFollowTheDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		d, on := OnProject(a, p), OnConnection(a, c, &p)
		for act, same := range map[string]bool{
			"view":    (ViewProject(a, p) == nil) == (d.Access >= View),
			"edit":    (EditProject(a, p) == nil) == (d.Access >= Edit),
			"run":     (RunCells(a, p) == nil) == (d.Access >= Edit),
			"share":   (ShareProject(a, p) == nil) == (d.Access == Full),
			"query":   (Query(a, c, &p) == nil) == on.CanQuery,
			"results": (ViewResults(a, c, &p) == nil) == on.CanViewResults,
			"refresh": (RefreshSchema(a, c, &p) == nil) == on.CanRefreshSchema,
			"import":  (Import(a, p, c) == nil) == (d.Access >= Edit && c.ProjectID == "" && on.CanQuery),
		} {
			if !same {
				t.Fatalf("%s does not follow %+v, %+v", act, d, on)
			}
		}
	})
}

// The chain tells drafts and project connections too, and a right by a group names a group of the person that has the right.
func TestExplainNamesTheRuleThatDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		d := OnConnection(a, c, &p)
		last := d.Because[len(d.Because)-1].Rule
		if (last == RuleDraft) != c.Draft || !c.Draft && !a.IsAdmin() && (last == RuleProject) != (c.ProjectID != "") {
			t.Fatalf("%+v is explained by %s", c, last)
		}
		if c.ProjectID == p.ID && !c.Draft && !a.IsAdmin() && len(d.Because) != len(OnProject(a, p).Because)+1 {
			t.Fatalf("the project's own chain is missing: %+v", d.Because)
		}
		for _, r := range d.Because {
			if c.ProjectID == "" && r.GroupID != "" && (!a.InGroup(r.GroupID) || !slices.Contains(slices.Concat(c.CanQuery, c.CanViewResults), r.GroupID)) {
				t.Fatalf("%+v names a group that does not decide", r)
			}
		}
	})
}

// told is what the chain of rules alone says of a connection, to someone who is no Admin.
func told(chain []Reason, c Connection, p *Project) ConnectionDecision {
	has := func(rule string) bool {
		return slices.ContainsFunc(chain, func(r Reason) bool { return r.Rule == rule })
	}
	switch {
	case has(RuleDraft), c.ProjectID != "" && (p == nil || p.ID != c.ProjectID):
		return ConnectionDecision{}
	case c.ProjectID != "":
		views := has(RuleShare) && !has(RuleLockedOut)
		given := chain[0].Words
		edits := views && !has(RuleDowngraded) && !has(RuleRoleCap) && (strings.HasPrefix(given, "Can edit") || strings.HasPrefix(given, "Full access"))
		return ConnectionDecision{CanQuery: edits, CanViewResults: views, CanRefreshSchema: edits}
	}
	return ConnectionDecision{CanQuery: has(RuleQuery), CanViewResults: has(RuleResults), CanRefreshSchema: has(RuleRefresh)}
}

// A project connection without its project is nobody's but an Admin's; shared with the workspace it is decided as any other there,
// and its old project decides nothing. Whatever became of it, the explanation tells the decision.
func TestWhatBecomesOfAProjectConnection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, c := drawActor(t), drawProject(t), drawConnection(t)
		c.ProjectID = p.ID
		p.Uses = append(p.Uses, c)
		moved := c
		moved.ProjectID, moved.CanQuery, moved.CanViewResults, moved.RefreshAdminsOnly = "", []string{GroupMembers}, []string{GroupPublic}, false
		other := Project{ID: "another", Shares: p.Shares, Uses: p.Uses}
		for _, where := range []struct {
			c Connection
			p *Project
		}{{c, &p}, {c, nil}, {c, &other}, {moved, &p}, {moved, nil}, {moved, &other}} {
			d := OnConnection(a, where.c, where.p)
			if got := told(d.Because, where.c, where.p); !a.IsAdmin() && (got.CanQuery != d.CanQuery || got.CanViewResults != d.CanViewResults || got.CanRefreshSchema != d.CanRefreshSchema) {
				t.Fatalf("%+v on %+v in %+v: the chain tells %+v, the decision is %+v", a, where.c, where.p, got, d)
			}
		}
		for _, gone := range []*Project{nil, &other} {
			if d := OnConnection(a, c, gone); !a.IsAdmin() && (d.CanQuery || d.CanViewResults || d.CanRefreshSchema || Query(a, c, gone) == nil || ViewResults(a, c, gone) == nil) {
				t.Fatalf("without its project %+v may %+v", a, d)
			}
		}
		in, nowhere := OnConnection(a, moved, &p), OnConnection(a, moved, nil)
		if in.CanQuery != nowhere.CanQuery || in.CanViewResults != nowhere.CanViewResults || in.CanRefreshSchema != nowhere.CanRefreshSchema {
			t.Fatalf("a project decides on a connection of the workspace: %+v, %+v", in, nowhere)
		}
		if !moved.Draft && (nowhere.CanQuery != a.InGroup(GroupMembers) && !a.IsAdmin() || !nowhere.CanViewResults) {
			t.Fatalf("shared with the workspace, %+v may %+v", a, nowhere)
		}
		before, after := OnProject(a, p), OnProject(a, Project{ID: p.ID, Shares: p.Shares, Uses: append(slices.Clone(p.Uses[:len(p.Uses)-1]), moved)})
		if after.Access > before.Access || !c.Draft && before.Access >= View && after.Access < View {
			t.Fatalf("sharing a connection with the workspace made %v of %v", after, before)
		}
	})
}
