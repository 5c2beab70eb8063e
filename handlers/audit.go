package handlers

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/store"
	"patchbay/views"
)

// labelOf is the label of a value, or other where there is none.
func labelOf(choices []views.AuditChoice, value, other string) string {
	if i := slices.IndexFunc(choices, func(c views.AuditChoice) bool { return c.Value == value }); i >= 0 {
		return choices[i].Label
	}
	return other
}

// auditFilterKeys are the fields of the filter as the address bar, the export form and the API name them.
var auditFilterKeys = []string{"q", "actor", "action", "object_type", "object_id", "outcome", "from", "to"}

// auditFilter reads the filter that the page, its export and the API share.
func auditFilter(q url.Values) (f store.AuditFilter, err error) {
	f = store.AuditFilter{Text: strings.TrimSpace(q.Get("q")), ActorID: q.Get("actor"), Action: q.Get("action"), ObjectType: q.Get("object_type"),
		ObjectID: q.Get("object_id"), Outcome: q.Get("outcome")}
	for _, key := range auditFilterKeys {
		if strings.ContainsRune(q.Get(key), 0) || len(q.Get(key)) > 500 {
			return f, &badRequest{"bad_query", key + " is too long, or holds a character that no row can hold"}
		}
	}
	if f.Outcome != "" && labelOf(auditOutcomes, f.Outcome, "") == "" {
		return f, &badRequest{"bad_query", "outcome is ok, refused or failed"}
	}
	if f.From, err = auditTime("from", q.Get("from"), 0); err != nil {
		return f, err
	}
	if f.To, err = auditTime("to", q.Get("to"), 1); err != nil {
		return f, err
	}
	if cursor := q.Get("cursor"); cursor != "" {
		if f.Before, err = strconv.ParseInt(cursor, 10, 64); err != nil || f.Before < 1 {
			return f, &badRequest{"bad_cursor", "The cursor is not one of this list. Start again without it"}
		}
	}
	return f, nil
}

// auditTime reads a moment (RFC 3339) or a day in UTC; days moves a day on, for an end that is part of the range.
func auditTime(key, value string, days int) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return day.AddDate(0, 0, days), nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, &badRequest{"bad_query", key + " is a day such as 2026-03-31, or a time such as 2026-03-31T09:00:00Z"}
	}
	return t, nil
}

// auditPage reads one page of rows and the cursor of the next.
func (s *Server) auditPage(ctx context.Context, f store.AuditFilter, limit int) (rows []store.AuditRow, next string, err error) {
	f.Limit = limit + 1
	rows, err = s.Store.AuditRows(ctx, f)
	if len(rows) > limit {
		rows, next = rows[:limit], strconv.FormatInt(rows[limit-1].Seq, 10)
	}
	return rows, next, err
}

// shownAudit is how many rows a page of the log shows.
const shownAudit = 50

// audit is the audit log as Admins read it.
func (s *Server) audit(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	users, err := s.Store.Users(r.Context())
	if err != nil {
		return err
	}
	p := views.AuditPage{Page: s.layout(r, who, "Audit log", "audit"), Now: s.Now(), Query: q.Get("q"), Actor: q.Get("actor"), Action: q.Get("action"),
		ObjectType: q.Get("object_type"), ObjectID: q.Get("object_id"), Outcome: q.Get("outcome"), From: q.Get("from"), To: q.Get("to"),
		Actions: auditActions, Objects: auditObjects, Outcomes: auditOutcomes}
	p.Page.Wide = true
	for _, u := range users {
		p.People = append(p.People, views.AuditChoice{Value: u.ID, Label: u.Email})
	}
	if p.Chain, err = s.chain(r.Context()); err != nil {
		return err
	}
	status := http.StatusOK
	f, err := auditFilter(q)
	var rows []store.AuditRow
	var next string
	if bad := (*badRequest)(nil); errors.As(err, &bad) {
		status, p.Error = http.StatusUnprocessableEntity, bad.words
	} else if rows, next, err = s.auditPage(r.Context(), f, shownAudit); err != nil {
		return err
	}
	for _, row := range rows {
		p.Rows = append(p.Rows, auditRowOf(row))
	}
	kept := url.Values{}
	for _, key := range auditFilterKeys {
		if q.Get(key) != "" {
			kept.Set(key, q.Get(key))
		}
	}
	p.Filtered = len(kept) > 0
	if f.Before > 0 {
		p.Newest = auditAddress(kept)
	}
	if next != "" {
		kept.Set("cursor", next)
		p.Older = auditAddress(kept)
	}
	return s.page(w, r, status, views.Audit(p))
}

func auditAddress(q url.Values) string {
	if len(q) == 0 {
		return "/settings/audit"
	}
	return "/settings/audit?" + q.Encode()
}

// auditRowOf is a row as the page shows it.
func auditRowOf(row store.AuditRow) views.AuditRow {
	out := views.AuditRow{Seq: row.Seq, At: row.At, Who: row.Actor, What: labelOf(auditActions, row.Action, actionWords(row.Action)), Action: row.Action,
		Kind: labelOf(auditObjects, row.ObjectType, row.ObjectType), Object: row.ObjectName, Outcome: row.Outcome,
		Word: labelOf(auditOutcomes, row.Outcome, row.Outcome), IP: row.IP, RequestID: row.RequestID, Hash: hex.EncodeToString(row.Hash)}
	if out.Object == "" {
		out.Object = row.ObjectID
	}
	if row.ObjectID != "" && row.ObjectType != "" {
		out.Same = auditAddress(url.Values{"object_type": {row.ObjectType}, "object_id": {row.ObjectID}})
	}
	var detail map[string]json.RawMessage
	if json.Unmarshal([]byte(row.Detail), &detail) != nil {
		detail = map[string]json.RawMessage{"detail": json.RawMessage(row.Detail)}
	}
	keys := make([]string, 0, len(detail))
	for key := range detail {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(detailOrder(a), detailOrder(b)) })
	for _, key := range keys {
		words := string(detail[key])
		var text string
		if json.Unmarshal(detail[key], &text) == nil {
			words = text
		}
		label := strings.ReplaceAll(key, "_", " ")
		out.Facts = append(out.Facts, views.AuditFact{Label: strings.ToUpper(label[:min(1, len(label))]) + label[min(1, len(label)):], Value: words})
	}
	return out
}

// detailOrder puts what was before what is after.
func detailOrder(key string) string {
	switch key {
	case "before":
		return "\x00"
	case "after":
		return "\x01"
	}
	return key
}

// exportAudit streams the filtered rows as CSV or JSON lines. Its own row is kept first, so nothing leaves without one.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := r.ParseForm(); err != nil {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	f, err := auditFilter(r.PostForm)
	if err != nil {
		return err
	}
	out := &lateWriter{w: w}
	var sink auditSink
	format := r.PostForm.Get("format")
	switch format {
	case "csv":
		out.format, sink = formatCSV+"; charset=utf-8", &auditCSV{csv: query.NewCSV(out, false)}
	case "jsonl":
		out.format, sink = "application/jsonl", &auditLines{json.NewEncoder(out)}
	default:
		return &badRequest{"bad_format", "format is csv or jsonl"}
	}
	filter := map[string]string{}
	for _, key := range auditFilterKeys {
		if v := r.PostForm.Get(key); v != "" {
			filter[key] = v
		}
	}
	entry := store.AuditEntry{Who: who, Action: "audit.export", ObjectType: "audit", ObjectID: "log", ObjectName: "Audit log",
		Detail: map[string]any{"format": format, "filter": filter}}
	if err := s.Store.Audit(r.Context(), entry); err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="audit-`+s.Now().UTC().Format("2006-01-02")+`.`+format+`"`)
	ctx, stop := query.While(r.Context(), func(ctx context.Context) error {
		now, err := s.asNow(ctx, who)
		if err != nil {
			return err
		}
		return admin.allow(now, r)
	})
	defer stop()
	defer context.AfterFunc(ctx, out.Break)()
	if err := s.streamAudit(ctx, f, sink, out); err != nil {
		if out.begun {
			s.Log.Warn("export of the audit log broke off", "error", err, "request", requestID(r))
			panic(http.ErrAbortHandler) // nobody takes a part for the whole
		}
		return err
	}
	return nil
}

// An auditSink writes rows of the log in one format.
type auditSink interface {
	begin() error
	row(store.AuditRow) error
	end() error
}

// streamAudit writes all rows of a filter, some at a time, so that no read of the store lasts as long as the download.
func (s *Server) streamAudit(ctx context.Context, f store.AuditFilter, to auditSink, out *lateWriter) error {
	if err := to.begin(); err != nil {
		return err
	}
	for {
		rows, next, err := s.auditPage(ctx, f, maxLimit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := to.row(row); err != nil {
				return err
			}
		}
		if next == "" {
			if err := to.end(); err != nil {
				return err
			}
			_, err := out.Write(nil) // an empty log is an answer too
			return err
		}
		f.Before = rows[len(rows)-1].Seq
	}
}

// auditCSV writes rows as results are exported: text that a spreadsheet would run is neutralised (P17).
type auditCSV struct{ csv *query.CSV }

var auditColumns = []string{"seq", "at", "actor", "actor_id", "action", "object_type", "object_id", "object_name", "outcome", "detail", "ip", "request_id", "hash"}

func (c *auditCSV) begin() error {
	columns := make([]connectors.Column, len(auditColumns))
	for i, name := range auditColumns {
		columns[i] = connectors.Column{Name: name, Family: catalog.FamilyText}
	}
	return c.csv.Columns(columns)
}

func (c *auditCSV) row(a store.AuditRow) error {
	var cells [][]byte
	for _, cell := range []string{strconv.FormatInt(a.Seq, 10), a.At.UTC().Format(time.RFC3339Nano), a.Actor, a.ActorID, a.Action, a.ObjectType,
		a.ObjectID, a.ObjectName, a.Outcome, a.Detail, a.IP, a.RequestID, hex.EncodeToString(a.Hash)} {
		cells = append(cells, []byte(cell))
	}
	return c.csv.Row(cells)
}

func (c *auditCSV) end() error { return c.csv.End(query.Outcome{}) }

// auditLines writes one JSON object a line, in the shape of the API.
type auditLines struct{ *json.Encoder }

func (l *auditLines) begin() error               { return nil }
func (l *auditLines) row(a store.AuditRow) error { return l.Encode(apiAuditRowOf(a)) }
func (l *auditLines) end() error                 { return nil }

// An auditCheck is the check of the chain that runs, or the last one that did.
type auditCheck struct {
	mu       sync.Mutex
	running  bool
	done     int64
	finished time.Time

	err error
}

// chain is the state of the log's chain as the page shows it.
func (s *Server) chain(ctx context.Context) (views.AuditChain, error) {
	rows, head, err := s.Store.AuditHead(ctx)
	if err != nil {
		return views.AuditChain{}, err
	}
	c := &s.check
	c.mu.Lock()
	defer c.mu.Unlock()
	out := views.AuditChain{Rows: rows, Head: hex.EncodeToString(head), Running: c.running, Done: c.done, Finished: c.finished, Now: s.Now()}
	if bad := (*store.ChainError)(nil); errors.As(c.err, &bad) {
		out.Bad = bad.Row
	} else if c.err != nil {
		out.Failed = true
	}
	return out, nil
}

// auditChain is the part of the page that shows the chain; while a check runs it asks again.
func (s *Server) auditChain(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	chain, err := s.chain(r.Context())
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.AuditState(chain))
}

// verifyAudit starts a check of the whole chain; one that runs is joined. That it was asked for is kept before it starts.
func (s *Server) verifyAudit(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	entry := store.AuditEntry{Who: who, Action: "audit.verify", ObjectType: "audit", ObjectID: "log", ObjectName: "Audit log"}
	if err := s.Store.Audit(r.Context(), entry); err != nil {
		return err
	}
	c := &s.check
	c.mu.Lock()
	start := !c.running
	if start {
		c.running, c.done, c.err = true, 0, nil
	}
	c.mu.Unlock()
	if start {
		go s.runCheck()
	}
	return redirect(w, r, "/settings/audit")
}

// runCheck walks the chain until it ends or the server stops.
func (s *Server) runCheck() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	c := &s.check
	rows, head, err := s.Store.VerifyAuditHead(ctx, nil, func(rows int64) {
		c.mu.Lock()
		c.done = rows
		c.mu.Unlock()
	})
	if err != nil {
		s.Log.Error("verify the audit log", "error", err)
	} else {
		s.Log.Info("the audit log is whole", "rows", rows, "head", fmt.Sprintf("%x", head))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.done, c.err, c.finished = false, rows, err, s.Now()
}

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

func apiAuditRowOf(row store.AuditRow) apiAuditRow {
	return apiAuditRow{row.ID, row.Seq, row.At.UTC(), row.Actor, row.ActorID, row.Action, row.ObjectType, row.ObjectID, row.ObjectName,
		row.Outcome, rawJSON(row.Detail), row.IP, row.RequestID, row.Hash}
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
	f, err := auditFilter(r.URL.Query())
	if err != nil {
		return err
	}
	rows, next, err := s.auditPage(r.Context(), f, limit)
	if err != nil {
		return err
	}
	items := make([]apiAuditRow, len(rows))
	for i, row := range rows {
		items[i] = apiAuditRowOf(row)
	}
	return writeList(w, items, next)
}
