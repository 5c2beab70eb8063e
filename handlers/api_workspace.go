package handlers

import (
	"net/http"
	"strconv"
	"time"

	"patchbay/access"
	"patchbay/store"
)

func (s *Server) apiSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	settings, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settings)
}

func (s *Server) apiSetSettings(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	to, err := s.Workspace.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	if err := decode(r, &to); err != nil { // what was not sent stays as it is
		return err
	}
	if err := s.Workspace.SetSettings(r.Context(), who, to); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, to)
}

// apiAccess explains what a user may do with a connection or a project, by the decision that the acts themselves ask.
func (s *Server) apiAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	switch {
	case q.Get("user") == "", (q.Get("connection") == "") == (q.Get("project") == ""):
		return &badRequest{"bad_query", "Send user, and either connection or project"}
	case q.Get("connection") != "":
		d, err := s.Workspace.ExplainConnection(r.Context(), who, q.Get("user"), q.Get("connection"))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"because": reasons(d.Because),
			"allowed": map[string]bool{"can_query": d.CanQuery, "can_view_results": d.CanViewResults, "can_refresh_schema": d.CanRefreshSchema}})
	}
	d, err := s.Workspace.ExplainProject(r.Context(), who, q.Get("user"), q.Get("project"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"access": d.Access.String(), "locked_out": d.LockedOut, "downgraded": d.Downgraded,
		"can_explore": d.CanExplore, "because": reasons(d.Because)})
}

// reasons is never null in JSON.
func reasons(because []access.Reason) []access.Reason { return append([]access.Reason{}, because...) }

// apiAuditRow is one row of the audit log as the API writes it.
type apiAuditRow struct {
	ID         string    `json:"id"`
	Seq        int64     `json:"seq"`
	At         time.Time `json:"at"`
	Actor      string    `json:"actor"`
	ActorID    string    `json:"actor_id"`
	Action     string    `json:"action"`
	ObjectType string    `json:"object_type"`
	ObjectID   string    `json:"object_id"`
	ObjectName string    `json:"object_name"`
	Outcome    string    `json:"outcome"`
	Detail     rawJSON   `json:"detail"`
	IP         string    `json:"ip"`
	RequestID  string    `json:"request_id"`
	Hash       []byte    `json:"hash"`
}

// rawJSON is text that is JSON already.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (j rawJSON) MarshalJSON() ([]byte, error) {
	if j == "" {
		return []byte("{}"), nil
	}
	return []byte(j), nil
}

// apiAudit pages through the audit log, the latest first.
func (s *Server) apiAudit(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f := store.AuditFilter{Limit: limit + 1, Action: q.Get("action"), ActorID: q.Get("actor"), ObjectType: q.Get("object_type"), ObjectID: q.Get("object_id")}
	if cursor := q.Get("cursor"); cursor != "" {
		if f.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil {
			return &badRequest{"bad_cursor", "The cursor is not one of this list. Start again without it"}
		}
	}
	rows, err := s.Store.AuditRows(r.Context(), f)
	if err != nil {
		return err
	}
	next := ""
	if len(rows) > limit {
		rows, next = rows[:limit], strconv.FormatInt(rows[limit-1].Seq, 10)
	}
	items := make([]apiAuditRow, len(rows))
	for i, row := range rows {
		items[i] = apiAuditRow{row.ID, row.Seq, row.At.UTC(), row.Actor, row.ActorID, row.Action, row.ObjectType, row.ObjectID, row.ObjectName,
			row.Outcome, rawJSON(row.Detail), row.IP, row.RequestID, row.Hash}
	}
	return writeList(w, items, next)
}

// auditRefusal keeps a row of each refusal of someone who is signed in. A refusal of the store to keep it only goes to the log:
// the answer stands.
func (s *Server) auditRefusal(r *http.Request, who access.Actor, p problem, err error) {
	if p.Code != "denied" && len(p.Because) == 0 || who.Anonymous() {
		return
	}
	entry := store.AuditEntry{Who: who, Action: "access.refused", ObjectType: "route", ObjectID: r.Pattern, ObjectName: r.Method + " " + loggedPath(r),
		Outcome: "refused", Detail: map[string]any{"error": err.Error()}}
	if failed := s.Store.Audit(r.Context(), entry); failed != nil {
		s.Log.Error("audit a refusal", "error", failed, "request", requestID(r))
	}
}
