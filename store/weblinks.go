package store

import (
	"context"
	"time"
)

const webLinkColumns = `id, project_id, name, hash, created_by, created_ms, expires_ms, used_ms`

func scanWebLink(r scanner) (WebLink, error) {
	var l WebLink
	var created, expires, used int64
	err := r.Scan(&l.ID, &l.ProjectID, &l.Name, &l.Hash, &l.CreatedBy, &created, &expires, &used)
	l.Created, l.Expires, l.Used = at(created), at(expires), at(used)
	return l, err
}

// WebLinkByHash is the web link whose token has this hash.
func (tx *Tx) WebLinkByHash(hash []byte) (WebLink, error) {
	return one(tx, scanWebLink, `select `+webLinkColumns+` from web_link where hash = $1`, hash)
}

// WebLinks are a project's web links, the latest first.
func (tx *Tx) WebLinks(projectID string) ([]WebLink, error) {
	return collect(tx, scanWebLink, `select `+webLinkColumns+` from web_link where project_id = $1 order by created_ms desc, id`, projectID)
}

// CreateWebLink keeps a new web link.
func (tx *Tx) CreateWebLink(l WebLink) error {
	_, err := tx.exec(`insert into web_link(`+webLinkColumns+`) values($1,$2,$3,$4,$5,$6,$7,0)`,
		l.ID, l.ProjectID, l.Name, l.Hash, l.CreatedBy, ms(l.Created), ms(l.Expires))
	return err
}

// ReplaceWebLink gives a project's web link another token, and forgets when the old one was used.
func (tx *Tx) ReplaceWebLink(projectID, id string, hash []byte) error {
	return tx.must(`update web_link set hash=$1, used_ms=0 where id=$2 and project_id=$3`, hash, id, projectID)
}

// DeleteWebLink revokes a project's web link.
func (tx *Tx) DeleteWebLink(projectID, id string) error {
	return tx.must(`delete from web_link where id=$1 and project_id=$2`, id, projectID)
}

// DeleteWebLinks revokes all web links of a project.
func (tx *Tx) DeleteWebLinks(projectID string) error {
	_, err := tx.exec(`delete from web_link where project_id = $1`, projectID)
	return err
}

// TouchWebLink remembers when a web link was last used.
func (tx *Tx) TouchWebLink(id string, when time.Time) error {
	_, err := tx.exec(`update web_link set used_ms=$1 where id=$2`, ms(when), id)
	return err
}

// WebLinks is Tx.WebLinks in a snapshot of its own.
func (s *Store) WebLinks(ctx context.Context, projectID string) ([]WebLink, error) {
	return view(ctx, s, func(tx *Tx) ([]WebLink, error) { return tx.WebLinks(projectID) })
}
