package catalog

// A Mark is what an Admin says of an object to everyone who uses it.
type Mark string

// The marks. The empty Mark says nothing.
const (
	MarkEndorsed   Mark = "endorsed"
	MarkDeprecated Mark = "deprecated"
)

// A Label is what is marked at one object: its mark, and whether agents are asked to leave it out.
type Label struct {
	Mark              Mark
	ExcludeFromAgents bool
}

// Labels are those of one connection's objects, by Path.String. They go down to everything below, and the nearest mark wins.
type Labels map[string]Label

// Of is what holds for the object at path, and at which object its mark stands; from is meaningless without a mark. What is
// excluded somewhere above stays excluded.
func (l Labels) Of(path Path) (holds Label, from Path) {
	for at := path; len(l) > 0; at = at.Parent() {
		own := l[at.String()]
		if holds.Mark == "" && own.Mark != "" {
			holds.Mark, from = own.Mark, at
		}
		holds.ExcludeFromAgents = holds.ExcludeFromAgents || own.ExcludeFromAgents
		if len(at) == 0 {
			break
		}
	}
	return holds, from
}
