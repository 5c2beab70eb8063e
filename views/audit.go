package views

import (
	"strconv"
	"time"
)

// An AuditPage is the audit log, filtered as the address says.
type AuditPage struct {
	Page                                                                 Page
	Query, Actor, Action, ObjectType, ObjectID, Outcome, From, To, Error string
	People, Actions, Objects, Outcomes                                   []AuditChoice
	Filtered                                                             bool // something narrows the list
	Rows                                                                 []AuditRow
	Newest, Older                                                        string // addresses; empty: this is the first, the last page
	Chain                                                                AuditChain
	Now                                                                  time.Time
}

// An AuditChoice is one value of a filter with its words.
type AuditChoice struct{ Value, Label string }

// An AuditRow is one entry of the log.
type AuditRow struct {
	Seq                 int64
	At                  time.Time
	Who, What, Action   string
	Kind, Object        string
	Same                string // address of everything about the same object; empty: none
	Outcome, Word       string
	IP, RequestID, Hash string
	Facts               []AuditFact
}

// An AuditFact is one line of an entry's details.
type AuditFact struct{ Label, Value string }

// outcomeKind is the colour of an outcome.
func outcomeKind(outcome string) string {
	switch outcome {
	case "ok":
		return "ok"
	case "refused":
		return "warn"
	}
	return "bad"
}

// An AuditChain is the state of the log's chain: its end, and the check that runs or was the last.
type AuditChain struct {
	Rows     int64
	Head     string
	Running  bool
	Done     int64
	Finished time.Time // zero: not checked since the server started
	Bad      int64     // the first row that is not what was written; 0: none
	Failed   bool      // the check could not be made
	Now      time.Time
}

// hidden are the filter's fields as the export form sends them.
func (p AuditPage) hidden() [][2]string {
	return [][2]string{{"q", p.Query}, {"actor", p.Actor}, {"action", p.Action}, {"object_type", p.ObjectType}, {"object_id", p.ObjectID},
		{"outcome", p.Outcome}, {"from", p.From}, {"to", p.To}}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
