package access

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCompareOnConnection(t *testing.T) {
	all := ConnectionDecision{CanQuery: true, CanViewResults: true, CanRefreshSchema: true}
	for _, c := range []struct {
		before, after ConnectionDecision
		want          []Effect
	}{
		{all, all, nil},
		{all, ConnectionDecision{}, []Effect{LosesQuery, LosesResults, LosesRefresh}},
		{ConnectionDecision{}, all, []Effect{GainsQuery, GainsResults, GainsRefresh}},
		{all, ConnectionDecision{CanViewResults: true}, []Effect{LosesQuery, LosesRefresh}},
	} {
		if got := CompareOnConnection(c.before, c.after); !slices.Equal(got, c.want) {
			t.Errorf("from %+v to %+v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}

func TestCompareOnProject(t *testing.T) {
	locked, none := ProjectDecision{LockedOut: true}, ProjectDecision{}
	at := func(l Level, explore bool) ProjectDecision { return ProjectDecision{Access: l, CanExplore: explore} }
	for _, c := range []struct {
		before, after ProjectDecision
		want          Effect
	}{
		{none, none, ""}, {locked, locked, ""}, {at(Edit, true), at(Edit, true), ""},
		{at(View, false), locked, BecomesLocked}, {locked, at(View, false), Restored}, {locked, at(Explore, true), Restored},
		{at(Edit, true), at(Explore, true), BecomesLower}, {at(Explore, true), at(Full, true), BecomesHigher},
		{at(Explore, true), at(Explore, false), LosesExplore}, {at(Explore, false), at(Explore, true), GainsExplore},
		{none, locked, ""}, {locked, none, ""},
	} {
		if got := CompareOnProject(c.before, c.after); got != c.want {
			t.Errorf("from %+v to %+v: %q, want %q", c.before, c.after, got, c.want)
		}
	}
}

func TestAttach(t *testing.T) {
	open, limited := []string{GroupPublic}, []string{GroupMembers}
	for _, c := range []struct {
		name string
		uses []Connection
		want bool
	}{
		{"no connection", nil, true},
		{"for the public", []Connection{{CanViewResults: open}}, true},
		{"one of two limited", []Connection{{CanViewResults: open}, {CanViewResults: limited}}, false},
		{"for nobody", []Connection{{}}, false},
		{"for the public among others", []Connection{{CanViewResults: []string{GroupMembers, GroupPublic}}}, true},
		{"the project's own", []Connection{{ProjectID: "p"}}, true},
		{"another project's", []Connection{{ProjectID: "other", CanViewResults: open}}, false},
		{"a draft", []Connection{{Draft: true, CanViewResults: open}}, false},
	} {
		if err := Attach(Project{ID: "p", Uses: c.uses}); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Notifications carry results only where a visitor from the web could see them.
func TestAttachFollowsVisitors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProject(t)
		p.Shares = append(p.Shares, Share{To: toWeb, Access: View})
		if visitor := OnProject(Actor{}, p); (Attach(p) == nil) && visitor.LockedOut {
			t.Fatalf("attached, and a visitor is locked out: %+v", p)
		}
	})
}

// CompareProjects answers for each of many as OnProject does for one.
func TestCompareProjectsEqualsDeciding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawProject(t), drawProject(t)
		actors := []Actor{{}}
		for i := range rapid.IntRange(1, 6).Draw(t, "actors") {
			a := drawActor(t)
			if !a.Anonymous() {
				a.UserID = []string{"me", "other", "third", "me", "other", "third"}[i]
			}
			actors = append(actors, a)
		}
		var want []ProjectChange
		for _, a := range actors {
			b, f := OnProject(a, before), OnProject(a, after)
			if e := CompareOnProject(b, f); e != "" {
				want = append(want, ProjectChange{a, e, b, f})
			}
		}
		if got := CompareProjects(actors, before, after); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	})
}

// An actor gains and loses nothing where nothing changes, and what one change does its opposite undoes.
func TestChangesHaveOpposites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p, q := drawActor(t), drawProject(t), drawProject(t)
		there, back := CompareOnProject(OnProject(a, p), OnProject(a, q)), CompareOnProject(OnProject(a, q), OnProject(a, p))
		if (there == "") != (back == "") || there != "" && there.Takes() == back.Takes() {
			t.Fatalf("there %q, back %q", there, back)
		}
	})
}

// BenchmarkCompareProjects is a change for 2,000 people in 200 projects.
func BenchmarkCompareProjects(b *testing.B) {
	actors := []Actor{{}}
	for i := range 2000 {
		actors = append(actors, Actor{UserID: fmt.Sprint(i), Role: Roles[i%len(Roles)], Groups: []string{fmt.Sprint("g", i%50), fmt.Sprint("h", i%7)}})
	}
	for b.Loop() {
		for i := range 200 {
			p := Project{ID: "p", Shares: []Share{{"workspace", Edit}, {fmt.Sprint("user:", i), Full}, {fmt.Sprint("group:g", i%50), Edit}},
				Uses: []Connection{{ID: "c", CanQuery: []string{GroupMembers}, CanViewResults: []string{GroupPublic}}, {ID: "d", CanQuery: []string{"h1"}, CanViewResults: []string{GroupPublic}}}}
			q := p
			q.Uses = []Connection{{ID: "c", CanQuery: []string{"h2"}, CanViewResults: []string{"h3"}}, p.Uses[1]}
			CompareProjects(actors, p, q)
		}
	}
}
