package access

import "fmt"

// Each function below answers one act with nil or a *Denied that carries the chain of rules.

// AdminOnly lets Admins do action.
func AdminOnly(a Actor, action string) error {
	if a.IsAdmin() {
		return nil
	}
	return &Denied{Action: action, Because: []Reason{{Rule: RuleRole, Words: "Only an Admin may do this"}}}
}

// CreateProject lets Admins, Managers and Editors make a project.
func CreateProject(a Actor) error {
	if a.mayMake() {
		return nil
	}
	return &Denied{Action: "create a project", Because: []Reason{notAMaker("Projects are made by Admins, Managers and Editors")}}
}

func notAMaker(words string) Reason {
	return Reason{Rule: RuleRole, Words: words + "; an Admin can change the role"}
}

// CreateProjectConnection lets Admins, Managers and Editors with Can edit make a connection in a project, while the workspace
// setting Allow project data connections is on.
func CreateProjectConnection(a Actor, p Project, settingOn bool) error {
	const action = "create a project connection"
	if err := onProject(a, p, Edit, action); err != nil {
		return err
	}
	if !a.mayMake() {
		return &Denied{Action: action, Because: []Reason{notAMaker("Project connections are made by Admins, Managers and Editors")}}
	}
	if !settingOn {
		return &Denied{Action: action, Because: []Reason{{Rule: RuleSetting,
			Words: "The workspace setting Allow project data connections is off; an Admin can turn it on"}}}
	}
	return nil
}

// Import lets someone with Can edit on the project and Can query on the workspace connection use the one in the other.
func Import(a Actor, p Project, c Connection) error {
	const action = "import a connection"
	if err := onProject(a, p, Edit, action); err != nil {
		return err
	}
	if c.ProjectID != "" {
		return &Denied{Action: action, Hidden: !a.IsAdmin(), Because: []Reason{
			about(c, RuleProject, "%s belongs to a project; an Admin can share it with the workspace first", c.quoted())}}
	}
	return onConnection(a, c, nil, action, ConnectionDecision.query)
}

// Query lets someone with Can query run statements on a connection and see its catalog. Whoever lacks it is not told that the
// connection exists, except where the project that owns it is open to them.
func Query(a Actor, c Connection, p *Project) error {
	return onConnection(a, c, p, "query a connection", ConnectionDecision.query)
}

// ViewResults lets someone see what statements on a connection answered.
func ViewResults(a Actor, c Connection, p *Project) error {
	return onConnection(a, c, p, "view results of a connection", ConnectionDecision.results)
}

// RefreshSchema lets someone start and cancel a refresh of a connection's schema.
func RefreshSchema(a Actor, c Connection, p *Project) error {
	return onConnection(a, c, p, "refresh a schema", ConnectionDecision.refresh)
}

func (d ConnectionDecision) query() bool   { return d.CanQuery }
func (d ConnectionDecision) results() bool { return d.CanViewResults }
func (d ConnectionDecision) refresh() bool { return d.CanRefreshSchema }

// onConnection refuses what may does not find in the decision.
func onConnection(a Actor, c Connection, p *Project, action string, may func(ConnectionDecision) bool) error {
	d := OnConnection(a, c, p)
	if may(d) {
		return nil
	}
	known := a.IsAdmin() || d.CanQuery || (c.ProjectID != "" && d.CanViewResults)
	return &Denied{Action: action, Because: d.Because, Hidden: !known}
}

// ViewProject lets someone open a project.
func ViewProject(a Actor, p Project) error { return onProject(a, p, View, "view a project") }

// EditProject lets someone author a project's cells and choose its connections.
func EditProject(a Actor, p Project) error { return onProject(a, p, Edit, "edit a project") }

// RunCells lets someone run a project's cells.
func RunCells(a Actor, p Project) error { return onProject(a, p, Edit, "run cells") }

// ShareProject lets someone share, schedule and delete a project.
func ShareProject(a Actor, p Project) error {
	return onProject(a, p, Full, "share or delete a project")
}

// onProject refuses someone with less than need. A project that they may not even view is hidden.
func onProject(a Actor, p Project, need Level, action string) error {
	d := OnProject(a, p)
	if d.Access >= need {
		return nil
	}
	because := d.Because
	if d.Access > None && !d.Downgraded {
		because = append(because, Reason{Rule: RuleShare,
			Words: fmt.Sprintf("This needs %s; someone with Full access on the project, or an Admin, can grant it", need.words())})
	}
	return &Denied{Action: action, Because: because, Hidden: d.Access == None}
}

// ScopeAllows refuses an act that needs more than the API token in use is for. A browser session has no such limit.
func ScopeAllows(a Actor, need Scope) error {
	order := map[Scope]int{ScopeRead: 1, ScopeWrite: 2, ScopeAdmin: 3, ScopeSession: 4}
	if has, known := order[a.Scope]; known && has >= order[need] {
		return nil
	}
	return &Denied{Action: "use this token", Because: []Reason{{Rule: RuleScope,
		Words: fmt.Sprintf("The token's scope is %s, and this needs a token with the scope %s", a.Scope, need)}}}
}
