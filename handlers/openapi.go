package handlers

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"patchbay/access"
)

// An operation documents one route of the API. TestOpenAPIDescribesEveryRoute holds the list complete.
type operation struct {
	pattern string
	summary string
	query   []string // names of query parameters
	body    string   // name of a schema; empty: no body
	answer  string   // name of a schema; "" is no content, "list:X" a page of X
	status  string   // 200 unless set
}

var operations = []operation{
	{"GET /api/v1/openapi.json", "This document", nil, "", "Object", ""},
	{"GET /api/v1/connectors", "Every database product that can be connected", nil, "", "list:Connector", ""},
	{"GET /api/v1/connectors/{type}", "One product with its fields", nil, "", "Connector", ""},
	{"GET /api/v1/connections", "Connections that exist for the caller", paging, "", "list:Connection", ""},
	{"POST /api/v1/connections", "Create a connection or a draft; its first schema refresh starts by itself", nil, "ConnectionInput", "Connection", "201"},
	{"POST /api/v1/connections/test", "Test a connection that is not saved", nil, "ConnectionInput", "TestReport", ""},
	{"GET /api/v1/connections/{id}", "One connection; secrets are only ever told to be set", nil, "", "Connection", ""},
	{"PATCH /api/v1/connections/{id}", "Change a connection; a new destination asks for the secrets again. An Admin who sends the scope workspace, alone or with a name, shares a project connection with the workspace", nil, "ConnectionInput", "Connection", ""},
	{"DELETE /api/v1/connections/{id}", "Delete a connection with its secrets, catalog and imports", nil, "", "", "204"},
	{"POST /api/v1/connections/{id}/test", "Test a saved connection, with what is sent on top", nil, "ConnectionInput", "TestReport", ""},
	{"POST /api/v1/connections/{id}/refresh", "Start a schema refresh, or join the running one", nil, "", "RunStarted", "202"},
	{"GET /api/v1/connections/{id}/refreshes", "Schema refreshes, the latest first", paging, "", "list:Run", ""},
	{"GET /api/v1/connections/{id}/refreshes/{run}", "One schema refresh", nil, "", "Run", ""},
	{"GET /api/v1/connections/{id}/refreshes/{run}/changes", "What it added, removed and changed, by name", paging, "", "list:Change", ""},
	{"POST /api/v1/connections/{id}/refreshes/{run}/cancel", "Cancel it", nil, "", "Run", ""},
	{"POST /api/v1/connections/{id}/refreshes/{run}/apply", "Refresh and remove what is missing, after a refresh that needs a look", nil, "", "RunStarted", "202"},
	{"POST /api/v1/connections/{id}/refreshes/{run}/keep", "Keep the catalog after a refresh that needs a look", nil, "", "", "204"},
	{"GET /api/v1/connections/{id}/catalog", "Children of a node of the catalog", append([]string{"path"}, paging...), "", "list:Node", ""},
	{"GET /api/v1/catalog/search", "Ranked hits over everything that the caller may query; truncated says that there are more than limit", []string{"q", "connection", "limit"}, "", "Hits", ""},
	{"GET /api/v1/connections/{id}/annotations", "What Admins say of an object, and which marks hold for it", []string{"path"}, "", "Annotation", ""},
	{"PUT /api/v1/connections/{id}/annotations", "Replace it; an empty one removes it, updated_at guards against lost updates", []string{"path"}, "AnnotationInput", "Annotation", ""},
	{"GET /api/v1/connections/{id}/schedule", "The refresh schedule with its next five runs", nil, "", "Schedule", ""},
	{"PUT /api/v1/connections/{id}/schedule", "Replace the refresh schedule", nil, "Schedule", "Schedule", ""},
	{"GET /api/v1/connections/{id}/filter", "The schema filter", nil, "", "Filter", ""},
	{"PUT /api/v1/connections/{id}/filter", "Replace the schema filter: what it drops is gone at once, a refresh brings what it lets in", nil, "Filter", "Filter", ""},
	{"POST /api/v1/connections/{id}/filter/preview", "What a schema filter would keep and drop, the first 200 names each way and level, and of one level all that goes, by pages; for Admins, changes nothing", []string{"level", "q", "limit", "cursor"}, "Filter", "FilterPreview", ""},
	{"GET /api/v1/connections/{id}/permissions", "Who may query, view results and refresh", nil, "", "Permissions", ""},
	{"PUT /api/v1/connections/{id}/permissions", "Replace them, effective at once", nil, "Permissions", "Permissions", ""},
	{"POST /api/v1/connections/{id}/permissions/preview", "Who would gain and lose what by them, in which projects; changes nothing", nil, "Permissions", "Consequences", ""},
	{"GET /api/v1/access", "What a user may do with a connection or a project, and why", []string{"user", "connection", "project"}, "", "Object", ""},
	{"GET /api/v1/users", "Accounts", paging, "", "list:User", ""},
	{"POST /api/v1/users", "Make an account, with a password or an invitation link", nil, "UserInput", "User", "201"},
	{"GET /api/v1/users/{user}", "One account", nil, "", "User", ""},
	{"PATCH /api/v1/users/{user}", "Change an account", nil, "UserInput", "User", ""},
	{"DELETE /api/v1/users/{user}", "Delete an account", nil, "", "", "204"},
	{"GET /api/v1/users/{user}/sessions", "Where a user is signed in", paging, "", "list:Session", ""},
	{"DELETE /api/v1/users/{user}/sessions", "End all sessions of a user", nil, "", "", "204"},
	{"DELETE /api/v1/users/{user}/sessions/{session}", "End one session", nil, "", "", "204"},
	{"GET /api/v1/groups", "Groups, the built-in ones first", paging, "", "list:Group", ""},
	{"POST /api/v1/groups", "Make a group", nil, "Name", "Group", "201"},
	{"PATCH /api/v1/groups/{group}", "Rename a group", nil, "Name", "Group", ""},
	{"DELETE /api/v1/groups/{group}", "Delete a group; what it gave is taken away at once", nil, "", "", "204"},
	{"GET /api/v1/groups/{group}/members", "Members of a group", paging, "", "list:User", ""},
	{"PUT /api/v1/groups/{group}/members/{user}", "Put a user into a group", nil, "", "", "204"},
	{"DELETE /api/v1/groups/{group}/members/{user}", "Take a user out of a group", nil, "", "", "204"},
	{"GET /api/v1/projects", "Projects that the caller may open", paging, "", "list:Project", ""},
	{"POST /api/v1/projects", "Make a project", nil, "Name", "Project", "201"},
	{"GET /api/v1/projects/{project}", "One project", nil, "", "Project", ""},
	{"PATCH /api/v1/projects/{project}", "Rename a project", nil, "Name", "Project", ""},
	{"DELETE /api/v1/projects/{project}", "Delete a project", nil, "", "", "204"},
	{"GET /api/v1/projects/{project}/shares", "Who a project is shared with", nil, "", "Shares", ""},
	{"PUT /api/v1/projects/{project}/shares", "Replace all shares", nil, "Shares", "Shares", ""},
	{"GET /api/v1/projects/{project}/schedule", "When a project is run by itself, with its next five runs, and as whom; for those with Full access", nil, "", "ProjectSchedule", ""},
	{"PUT /api/v1/projects/{project}/schedule", "Replace the schedule; it runs as the caller from now on", nil, "Schedule", "ProjectSchedule", ""},
	{"GET /api/v1/projects/{project}/notifications", "Whom a project tells of its runs", paging, "", "list:ProjectTarget", ""},
	{"POST /api/v1/projects/{project}/notifications", "Tell a webhook (to is its URL), a user (to is an e-mail address or id) or a group (to is its id); whether results go with a message is decided when it is sent", nil, "ProjectTargetInput", "ProjectTarget", "201"},
	{"DELETE /api/v1/projects/{project}/notifications/{target}", "Stop telling", nil, "", "", "204"},
	{"GET /api/v1/projects/{project}/runs", "The last 50 runs of all its cells, the latest first", paging, "", "list:ProjectRun", ""},
	{"POST /api/v1/projects/{project}/runs", "Run all its cells now, as the caller, and tell who is to be told", nil, "", "ProjectRun", "202"},
	{"GET /api/v1/projects/{project}/runs/{run}", "One run", nil, "", "ProjectRun", ""},
	{"GET /api/v1/projects/{project}/connections", "Connections that a project imports or owns", nil, "", "list:Connection", ""},
	{"PUT /api/v1/projects/{project}/connections/{connection}", "Import a workspace connection", nil, "", "", "204"},
	{"DELETE /api/v1/projects/{project}/connections/{connection}", "Stop importing it", nil, "", "", "204"},
	{"GET /api/v1/projects/{project}/cells", "Cells in their order", nil, "", "list:Cell", ""},
	{"POST /api/v1/projects/{project}/cells", "Add a cell", nil, "CellInput", "Cell", "201"},
	{"GET /api/v1/projects/{project}/cells/{cell}", "One cell", nil, "", "Cell", ""},
	{"PATCH /api/v1/projects/{project}/cells/{cell}", "Change a cell; version guards against lost updates", nil, "CellInput", "Cell", ""},
	{"DELETE /api/v1/projects/{project}/cells/{cell}", "Delete a cell", nil, "", "", "204"},
	{"POST /api/v1/projects/{project}/cells/{cell}/run", "Run a SQL cell", nil, "", "Object", "202"},
	{"GET /api/v1/projects/{project}/cells/{cell}/result", "Its last result; JSON, CSV or Arrow by Accept", nil, "", "Rows", ""},
	{"POST /api/v1/query", "Run one statement; JSON, CSV or Arrow by Accept", nil, "QueryInput", "Rows", ""},
	{"GET /api/v1/settings", "Workspace settings", nil, "", "Settings", ""},
	{"PATCH /api/v1/settings", "Change workspace settings", nil, "Settings", "Settings", ""},
	{"GET /api/v1/audit", "The audit log, the latest first", append(slices.Clone(auditFilterKeys), paging...), "", "list:AuditRow", ""},
}

var paging = []string{"limit", "cursor"}

// schemas are the shapes of bodies and answers: property -> JSON schema type. A type that ends in [] is a list, one that
// begins with a capital another schema.
var schemas = map[string]map[string]string{
	"Object":             {},
	"Connector":          {"type": "string", "name": "string", "summary": "string", "tier": "integer", "tls": "string", "levels": "string[]", "fields": "Object[]", "schema": "Object"},
	"Connection":         {"id": "string", "name": "string", "type": "string", "scope": "string", "project_id": "string", "draft": "boolean", "description": "string", "state": "string", "config": "Object", "secrets": "Object", "allow_writeback": "boolean", "exclude_from_agents": "boolean", "server": "string", "last_refresh": "string", "next_refresh": "string", "created_at": "string", "updated_at": "string", "version": "integer"},
	"ConnectionInput":    {"name": "string", "type": "string", "scope": "string", "project_id": "string", "draft": "boolean", "description": "string", "config": "Object", "secrets": "Object", "allow_writeback": "boolean", "exclude_from_agents": "boolean", "version": "integer"},
	"TestReport":         {"ok": "boolean", "steps": "Step[]"},
	"Step":               {"name": "string", "ok": "boolean", "ms": "integer", "detail": "string", "hint": "string"},
	"RunStarted":         {"id": "string", "state": "string"},
	"Run":                {"id": "string", "state": "string", "trigger": "string", "phase": "string", "counts": "Object", "error": "Object", "queued_at": "string", "started_at": "string", "finished_at": "string"},
	"Change":             {"change": "string", "path": "string", "name": "string", "detail": "string"},
	"Node":               {"kind": "string", "name": "string", "path": "string", "type": "string", "family": "string", "nullable": "boolean", "default": "string", "primary_key": "integer", "references": "string", "comment": "string", "description": "string", "rows_estimate": "integer", "readable": "boolean", "connection_id": "string", "mark": "string", "exclude_from_agents": "boolean"},
	"Hits":               {"items": "Node[]", "next_cursor": "null", "truncated": "boolean"},
	"Annotation":         {"path": "string", "description": "string", "mark": "string", "exclude_from_agents": "boolean", "updated_by": "string", "updated_at": "string", "effective": "Object"},
	"AnnotationInput":    {"description": "string", "mark": "string", "exclude_from_agents": "boolean", "updated_at": "string"},
	"Schedule":           {"kind": "string", "every_hours": "integer", "at": "string", "days": "string[]", "day_of_month": "integer", "cron": "string", "time_zone": "string", "next": "string[]"},
	"ProjectSchedule":    {"kind": "string", "every_hours": "integer", "at": "string", "days": "string[]", "day_of_month": "integer", "cron": "string", "time_zone": "string", "next": "string[]", "run_by": "string", "refused_since": "string"},
	"ProjectTarget":      {"id": "string", "kind": "string", "to": "string", "name": "string", "failures_only": "boolean", "attach": "boolean", "created_at": "string", "signing_key": "string"},
	"ProjectTargetInput": {"kind": "string", "to": "string", "failures_only": "boolean", "attach": "boolean"},
	"ProjectRun":         {"id": "string", "state": "string", "trigger": "string", "run_by": "string", "cells": "integer", "failed": "Object", "error": "Object", "started_at": "string", "finished_at": "string"},
	"Filter":             {"databases": "Object", "schemas": "Object", "tables": "Object"},
	"FilterPreview":      {"levels": "Object[]", "names_from": "string", "read_at": "string", "partial": "boolean", "problem": "string", "hidden": "Object"},
	"Permissions":        {"can_query": "string[]", "can_view_results": "string[]", "can_refresh_schema": "string"},
	"Consequences":       {"connection": "Effect[]", "projects": "ProjectEffects[]"},
	"Effect":             {"effect": "string", "from": "string", "to": "string", "people": "Object[]"},
	"ProjectEffects":     {"id": "string", "name": "string", "effects": "Effect[]", "attachments": "string"},
	"User":               {"id": "string", "email": "string", "name": "string", "role": "string", "disabled": "boolean", "groups": "string[]", "invite_url": "string"},
	"UserInput":          {"email": "string", "name": "string", "role": "string", "password": "string", "disabled": "boolean"},
	"Session":            {"id": "string", "created_at": "string", "last_seen_at": "string", "ends_at": "string", "ip": "string", "browser": "string"},
	"Group":              {"id": "string", "name": "string", "built_in": "boolean"},
	"Name":               {"name": "string"},
	"Project":            {"id": "string", "name": "string", "owner": "string", "access": "string", "created_at": "string", "updated_at": "string"},
	"Shares":             {"shares": "Share[]"},
	"Share":              {"to": "string", "access": "string"},
	"Cell":               {"id": "string", "kind": "string", "name": "string", "source": "string", "connection_id": "string", "config": "Object", "version": "integer"},
	"CellInput":          {"kind": "string", "name": "string", "source": "string", "connection_id": "string", "config": "Object", "position": "integer", "version": "integer"},
	"QueryInput":         {"connection_id": "string", "project_id": "string", "sql": "string", "params": "Object", "limit": "integer"},
	"Rows":               {"columns": "Object[]", "rows": "Object[]", "truncated": "boolean", "ms": "integer"},
	"Settings":           {"allow_project_connections": "boolean"},
	"AuditRow":           {"id": "string", "seq": "integer", "at": "string", "actor": "string", "actor_id": "string", "action": "string", "object_type": "string", "object_id": "string", "object_name": "string", "outcome": "string", "detail": "Object", "ip": "string", "request_id": "string", "hash": "string"},
	"Problem":            {"status": "integer", "code": "string", "title": "string", "detail": "string", "hint": "string", "fields": "Object", "because": "Object[]", "request_id": "string", "position": "integer"},
}

// apiDocument serves the OpenAPI document.
func (s *Server) apiDocument(w http.ResponseWriter, _ *http.Request, _ access.Actor) error {
	return writeJSON(w, http.StatusOK, openAPI(s.Version))
}

type object = map[string]any

func openAPI(version string) object {
	paths := object{}
	for _, op := range operations {
		method, path, _ := strings.Cut(op.pattern, " ")
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(method)] = op.document(path)
	}
	shapes := object{}
	for name, properties := range schemas {
		shapes[name] = shape(properties)
	}
	return object{"openapi": "3.1.0", "info": object{"title": "Patchbay", "version": version}, "paths": paths,
		"security":   []object{{"token": []string{}}},
		"components": object{"schemas": shapes, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}}}}
}

var pathParameter = regexp.MustCompile(`\{([a-z]+)\}`)

func (op operation) document(path string) object {
	var parameters []object
	for _, p := range pathParameter.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": p[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, name := range op.query {
		parameters = append(parameters, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	status := op.status
	if status == "" {
		status = "200"
	}
	answer := object{"description": "Done"}
	if op.answer != "" {
		answer["content"] = object{"application/json": object{"schema": answerShape(op.answer)}}
	}
	doc := object{"summary": op.summary, "responses": object{status: answer, "default": object{"description": "What went wrong (RFC 9457)",
		"content": object{"application/problem+json": object{"schema": reference("Problem")}}}}}
	if parameters != nil {
		doc["parameters"] = parameters
	}
	if op.body != "" {
		doc["requestBody"] = object{"content": object{"application/json": object{"schema": reference(op.body)}}}
	}
	return doc
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func answerShape(name string) object {
	item, list := strings.CutPrefix(name, "list:")
	if !list {
		return reference(name)
	}
	return object{"type": "object", "properties": object{"items": object{"type": "array", "items": reference(item)},
		"next_cursor": object{"type": []string{"string", "null"}}}}
}

func shape(properties map[string]string) object {
	out := object{}
	for name, kind := range properties {
		out[name] = typeShape(kind)
	}
	return object{"type": "object", "properties": out}
}

func typeShape(kind string) object {
	if item, list := strings.CutSuffix(kind, "[]"); list {
		return object{"type": "array", "items": typeShape(item)}
	}
	if kind[0] >= 'A' && kind[0] <= 'Z' {
		return reference(kind)
	}
	return object{"type": kind}
}
