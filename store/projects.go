package store

import (
	"context"
	"fmt"

	"patchbay/access"
)

const projectColumns = `id, name, owner_id, created_ms, updated_ms, version`

func scanProject(r scanner) (Project, error) {
	var p Project
	var created, updated int64
	err := r.Scan(&p.ID, &p.Name, &p.OwnerID, &created, &updated, &p.Version)
	p.Created, p.Updated = at(created), at(updated)
	return p, err
}

// Project is the project with this id, with its shares.
func (tx *Tx) Project(id string) (Project, error) {
	p, err := one(tx, scanProject, `select `+projectColumns+` from project where id = $1`, id)
	if err != nil {
		return p, err
	}
	list := []Project{p}
	err = tx.addShares(list, `where project_id = cast($1 as text)`, id)
	return list[0], err
}

// Projects are all projects with their shares, the last changed first.
func (tx *Tx) Projects() ([]Project, error) {
	list, err := collect(tx, scanProject, `select `+projectColumns+` from project order by updated_ms desc, id`)
	if err != nil {
		return nil, err
	}
	return list, tx.addShares(list, ``)
}

func (tx *Tx) addShares(list []Project, where string, args ...any) error {
	place := map[string]int{}
	for i, p := range list {
		place[p.ID] = i
	}
	type share struct{ project, target, access string }
	shares, err := collect(tx, func(r scanner) (share, error) {
		var s share
		err := r.Scan(&s.project, &s.target, &s.access)
		return s, err
	}, `select project_id, target, access from project_share `+where+` order by project_id, target`, args...)
	for _, s := range shares {
		i, ok := place[s.project]
		if !ok {
			continue
		}
		level, _ := access.ParseLevel(s.access) // the table's check lets no other word in
		list[i].Shares = append(list[i].Shares, access.Share{To: s.target, Access: level})
	}
	return err
}

// CreateProject keeps a new project with its shares.
func (tx *Tx) CreateProject(p Project) error {
	_, err := tx.exec(`insert into project(`+projectColumns+`) values($1,$2,$3,$4,$5,1)`, p.ID, p.Name, p.OwnerID, ms(p.Created), ms(p.Updated))
	if err != nil {
		return err
	}
	return tx.SetShares(p.ID, p.Shares)
}

// UpdateProject replaces a project's name, unless it changed since it was read.
func (tx *Tx) UpdateProject(p Project) error {
	return changedOne(tx.exec(`update project set name=$1, updated_ms=$2, version=version+1 where id=$3 and version=$4`, p.Name, ms(p.Updated), p.ID, p.Version))
}

// DeleteProject removes a project with its cells, shares and imports. Its own connections go by DeleteConnection.
func (tx *Tx) DeleteProject(id string) error {
	return tx.must(`delete from project where id = $1`, id)
}

// SetShares replaces a project's shares.
func (tx *Tx) SetShares(id string, shares []access.Share) error {
	if _, err := tx.exec(`delete from project_share where project_id = $1`, id); err != nil {
		return err
	}
	for _, s := range shares {
		if _, err := tx.exec(`insert into project_share(project_id, target, access) values($1,$2,$3)`, id, s.To, s.Access.String()); err != nil {
			return fmt.Errorf("keep share with %s: %w", s.To, err)
		}
	}
	return nil
}

// ProjectUses are the connections that count in a project: imported, or its own.
func (tx *Tx) ProjectUses(projectID string) ([]Connection, error) {
	return tx.connections(`where project_id = cast($1 as text) or id in (select connection_id from project_connection where project_id = cast($1 as text))`, projectID)
}

// ImportsOf are the projects that use a connection.
func (tx *Tx) ImportsOf(connectionID string) ([]Project, error) {
	list, err := collect(tx, scanProject, `select `+projectColumns+` from project where id in (select project_id from project_connection where connection_id = $1)
		or id in (select project_id from connection where id = $1) order by lower(name), id`, connectionID)
	if err != nil {
		return nil, err
	}
	return list, tx.addShares(list, ``)
}

// Import makes a project use a workspace connection. Doing so twice is once.
func (tx *Tx) Import(projectID, connectionID string) error {
	_, err := tx.exec(`insert into project_connection(project_id, connection_id, created_ms) values($1,$2,$3) on conflict do nothing`,
		projectID, connectionID, ms(tx.store.options.Now()))
	return err
}

// StopImport ends a project's use of a workspace connection.
func (tx *Tx) StopImport(projectID, connectionID string) error {
	return tx.must(`delete from project_connection where project_id=$1 and connection_id=$2`, projectID, connectionID)
}

// Project is Tx.Project in a snapshot of its own.
func (s *Store) Project(ctx context.Context, id string) (Project, error) {
	return view(ctx, s, func(tx *Tx) (Project, error) { return tx.Project(id) })
}

// ImportsOf is Tx.ImportsOf in a snapshot of its own.
func (s *Store) ImportsOf(ctx context.Context, connectionID string) ([]Project, error) {
	return view(ctx, s, func(tx *Tx) ([]Project, error) { return tx.ImportsOf(connectionID) })
}
