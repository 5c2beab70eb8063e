package access

import "fmt"

// The codes of the rules, as Reason.Rule has them. They are part of the API and never change.
const (
	RuleAdmin         = "role-admin"       // an Admin has Full access everywhere
	RuleRole          = "role"             // the workspace role does not allow the act
	RuleRoleCap       = "role-cap"         // the workspace role caps what a share gives
	RuleShare         = "share"            // a share gives access
	RuleNoShare       = "no-share"         // no share reaches the person
	RuleLockedOut     = "locked-out"       // Can view results is missing on a connection that the project uses
	RuleDowngraded    = "downgraded"       // Can query is missing on a connection that the project uses
	RuleCannotExplore = "cannot-explore"   // Can explore without Can query
	RuleDraft         = "draft"            // a draft can be queried by nobody and is seen by Admins only
	RuleQuery         = "can-query"        // a group of the person has Can query
	RuleNoQuery       = "no-can-query"     // no group of the person has Can query
	RuleResults       = "can-view-results" // a group of the person, or Can query, gives Can view results
	RuleNoResults     = "no-can-view-results"
	RuleRefresh       = "can-refresh-schema"
	RuleNoRefresh     = "no-can-refresh-schema"
	RuleProject       = "project-decides" // a project connection has no permissions of its own
	RuleSetting       = "setting"         // a workspace setting forbids it
	RuleNoAttachments = "no-attachments"  // Can view results is limited on a connection that the project uses
	RuleDisabled      = "disabled"        // the account is disabled
	RuleScope         = "token-scope"     // the API token's scope is too small
)

const adminGrants = "an Admin can grant it"

// groupWords names a group where its name is known here: the built-in ones.
func groupWords(id string) string {
	switch id {
	case GroupMembers:
		return "the group members (everyone but guests)"
	case GroupGuests:
		return "the group guests"
	case GroupPublic:
		return "the group public (everyone, visitors too)"
	default:
		return "one of this person's groups"
	}
}

// Disabled is why a disabled account may do nothing, whatever its role and groups would give.
func Disabled() Reason {
	return Reason{Rule: RuleDisabled, Words: "The account is disabled, and cannot sign in; an Admin can enable it"}
}

func admin() Reason { return Reason{Rule: RuleAdmin, Words: "An Admin has full access everywhere"} }

func about(c Connection, rule, format string, args ...any) Reason {
	return Reason{Rule: rule, Words: fmt.Sprintf(format, args...), ConnectionID: c.ID}
}

// quoted is a connection's name inside a sentence.
func (c Connection) quoted() string { return fmt.Sprintf("“%s”", c.Name) }
