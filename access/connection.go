package access

// OnConnection decides what an actor may do with a connection. project is the one that a project connection belongs to, and is
// not read for a workspace connection. When it is missing or another one, nothing is allowed but to an Admin.
func OnConnection(a Actor, c Connection, project *Project) ConnectionDecision {
	switch {
	case c.Draft:
		return onDraft(a, c)
	case a.IsAdmin():
		return ConnectionDecision{CanQuery: true, CanViewResults: true, CanRefreshSchema: true, Because: []Reason{admin()}}
	case c.ProjectID != "":
		return onProjectConnection(a, c, project)
	default:
		return onWorkspaceConnection(a, c)
	}
}

func onDraft(a Actor, c Connection) ConnectionDecision {
	return ConnectionDecision{CanViewResults: a.IsAdmin(), Because: []Reason{
		about(c, RuleDraft, "%s is a draft: only Admins see it, and nothing can query it until an Admin finishes it", c.quoted())}}
}

// onProjectConnection follows the project's access: authors query and refresh, whoever may view the project sees the results.
func onProjectConnection(a Actor, c Connection, project *Project) ConnectionDecision {
	if project == nil || project.ID != c.ProjectID {
		return ConnectionDecision{Because: []Reason{about(c, RuleProject, "%s belongs to a project, and can be used in that project only", c.quoted())}}
	}
	p := OnProject(a, *project)
	edits := p.Access >= Edit
	return ConnectionDecision{CanQuery: edits, CanViewResults: p.Access >= View, CanRefreshSchema: edits,
		Because: append(p.Because, about(c, RuleProject,
			"%s belongs to the project, whose access decides: Can edit to query it and refresh its schema, Can view to see results", c.quoted()))}
}

func onWorkspaceConnection(a Actor, c Connection) ConnectionDecision {
	query, queryWhy := canQuery(a, c)
	results, resultsWhy := canViewResults(a, c, query)
	refresh, refreshWhy := canRefreshSchema(c, query)
	return ConnectionDecision{CanQuery: query, CanViewResults: results, CanRefreshSchema: refresh,
		Because: []Reason{queryWhy, resultsWhy, refreshWhy}}
}

// canQuery never lets the public in, whatever the list says: Can query is not offered to it.
func canQuery(a Actor, c Connection) (bool, Reason) {
	for _, g := range c.CanQuery {
		if g != GroupPublic && a.InGroup(g) {
			return true, inGroup(c, RuleQuery, "Can query", g)
		}
	}
	return false, about(c, RuleNoQuery, "Can query on %s is given to groups that this person is not in; %s", c.quoted(), adminGrants)
}

func canViewResults(a Actor, c Connection, query bool) (bool, Reason) {
	if query {
		return true, about(c, RuleResults, "Can view results on %s comes with Can query", c.quoted())
	}
	for _, g := range c.CanViewResults {
		if a.InGroup(g) {
			return true, inGroup(c, RuleResults, "Can view results", g)
		}
	}
	return false, about(c, RuleNoResults, "Can view results on %s is given to groups that this person is not in; %s", c.quoted(), adminGrants)
}

func canRefreshSchema(c Connection, query bool) (bool, Reason) {
	switch {
	case c.RefreshAdminsOnly:
		return false, about(c, RuleNoRefresh, "The schema of %s is refreshed by Admins only", c.quoted())
	case query:
		return true, about(c, RuleRefresh, "Can refresh schema on %s comes with Can query", c.quoted())
	default:
		return false, about(c, RuleNoRefresh, "Can refresh schema on %s comes with Can query, which is missing", c.quoted())
	}
}

func inGroup(c Connection, rule, permission, group string) Reason {
	r := about(c, rule, "%s on %s is given to %s", permission, c.quoted(), groupWords(group))
	r.GroupID = group
	return r
}
