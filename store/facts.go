package store

import (
	"fmt"

	"patchbay/access"
)

// ProjectFacts are what decisions on a project need.
func (tx *Tx) ProjectFacts(id string) (access.Project, error) {
	p, err := tx.Project(id)
	if err != nil {
		return access.Project{}, fmt.Errorf("read project: %w", err)
	}
	uses, err := tx.ProjectUses(id)
	if err != nil {
		return access.Project{}, fmt.Errorf("read connections of project: %w", err)
	}
	return p.Facts(uses), nil
}

// Facts are what decisions on the project need, given the connections that count in it.
func (p *Project) Facts(uses []Connection) access.Project {
	facts := access.Project{ID: p.ID, Shares: p.Shares}
	for i := range uses {
		facts.Uses = append(facts.Uses, uses[i].Access())
	}
	return facts
}

// Owner is the project that a project connection belongs to; nil for a workspace connection.
func (tx *Tx) Owner(c Connection) (*access.Project, error) {
	if c.ProjectID == "" {
		return nil, nil
	}
	p, err := tx.ProjectFacts(c.ProjectID)
	return &p, err
}
