package views

import (
	"time"

	"github.com/a-h/templ"

	"patchbay/connectors"
	"patchbay/schedule"
)

// A ConnectionForm is the form of a connection, drawn from its connector's fields. GET and a failed POST both make it.
type ConnectionForm struct {
	Page                           Page
	ID                             string // empty: a new connection
	Version                        int64
	Type, Product                  string
	Name, Description              string
	Draft                          bool // what is edited is still a draft
	Workspace                      bool // a workspace connection: schedule and access are offered
	Action                         string
	TestAction                     string
	Back                           string
	Project                        string // name of the project that a project connection belongs to
	ShareOffered, Share            bool   // from a project, for an Admin: Share with workspace
	Sections                       []FormSection
	AllowWriteback, HideFromAgents bool
	Schedule                       ScheduleForm
	Groups                         []GroupChoice
	RefreshAdminsOnly              bool
	Errors                         map[string]string // of fields that no connector declares
	Problem                        *Problem          // of the act as a whole
	SSHKey                         string            // the workspace's public key, to copy
	Addresses                      string            // to allow in a firewall; empty: not configured
}

// A FormSection is one part of the form: open, or folded with its state beside its name.
type FormSection struct {
	Key    connectors.Section
	Title  string
	Fold   bool
	Open   bool
	State  string // of a folded one: "Verified", "Off", "Defaults"
	Fields []FormField
}

// A GroupChoice is one row of the access part.
type GroupChoice struct {
	ID, Name       string
	Query, Results bool
	QueryOffered   bool // public cannot query
}

// A ScheduleForm is a schedule as it is edited.
type ScheduleForm struct {
	Label  string // of what is repeated; empty: the refresh of a schema
	Spec   schedule.Spec
	Zones  []string
	Next   []string      // the next five runs, in words
	Late   time.Duration // how much later than its time a run starts at the most
	Errors map[string]string
	Cost   string // what a refresh costs on a pay-per-query source; may be empty
}

func (s ScheduleForm) label() string {
	if s.Label == "" {
		return "Refresh the schema"
	}
	return s.Label
}

// lateness says how much later than these times the runs start; empty where it is less than a minute.
func (s ScheduleForm) lateness() string {
	if s.Late < time.Minute {
		return ""
	}
	return "Each starts up to " + Plural(int64(s.Late/time.Minute), "minute", "minutes") + " later, so that not all start at once."
}

func (f ConnectionForm) title() string {
	if f.ID == "" {
		return "Connect " + f.Product
	}
	return "Edit " + f.Name
}

func (f ConnectionForm) saveLabel() string {
	if f.ID == "" || f.Draft {
		return "Create connection"
	}
	return "Save changes"
}

// scheduleKinds are the ways to repeat, in the order of the list.
var scheduleKinds = []connectors.Choice{
	{Value: string(schedule.Off), Label: "Off"}, {Value: string(schedule.Hourly), Label: "Every few hours"}, {Value: string(schedule.Daily), Label: "Daily"},
	{Value: string(schedule.Weekly), Label: "Weekly"}, {Value: string(schedule.Monthly), Label: "Monthly"}, {Value: string(schedule.Cron), Label: "Cron line"},
}

var weekdays = []connectors.Choice{{Value: "mon", Label: "Mon"}, {Value: "tue", Label: "Tue"}, {Value: "wed", Label: "Wed"},
	{Value: "thu", Label: "Thu"}, {Value: "fri", Label: "Fri"}, {Value: "sat", Label: "Sat"}, {Value: "sun", Label: "Sun"}}

func has(list []string, v string) bool {
	for _, s := range list {
		if s == v {
			return true
		}
	}
	return false
}

func (f ConnectionForm) lead() string {
	if f.Project != "" && !f.ShareOffered {
		return "It belongs to the project " + f.Project + ", whose access decides who may use it."
	}
	return ""
}

func (f ConnectionForm) accessState() string {
	n := int64(0)
	for _, g := range f.Groups {
		if g.Query {
			n++
		}
	}
	if n == 0 {
		return "Admins only"
	}
	return Plural(n, "group can query", "groups can query")
}

func (f ConnectionForm) behaviourState() string {
	if f.AllowWriteback {
		return "Writeback on"
	}
	return "Read-only"
}

func (s ScheduleForm) at() string {
	if s.Spec.At == "" {
		return "04:00"
	}
	return s.Spec.At
}

func (s ScheduleForm) zone() string {
	if s.Spec.TimeZone == "" {
		return "UTC"
	}
	return s.Spec.TimeZone
}

// scheduleLive asks for the next runs again when an input of the schedule changes.
func scheduleLive() templ.Attributes {
	return templ.Attributes{"hx-get": "/settings/schedule-preview", "hx-trigger": "change", "hx-include": "closest form",
		"hx-target": "#next-runs", "hx-swap": "outerHTML"}
}
