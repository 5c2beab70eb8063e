package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

const cellColumns = `id, project_id, position, kind, name, source, connection_id, config, created_ms, updated_ms, version`

func scanCell(r scanner) (Cell, error) {
	var c Cell
	var config []byte
	var created, updated int64
	if err := r.Scan(&c.ID, &c.ProjectID, &c.Position, &c.Kind, &c.Name, &c.Source, &c.ConnectionID, &config, &created, &updated, &c.Version); err != nil {
		return c, err
	}
	c.Created, c.Updated = at(created), at(updated)
	if err := json.Unmarshal(config, &c.Config); err != nil {
		return c, fmt.Errorf("read cell %s: %w", c.ID, err)
	}
	return c, nil
}

// Cells are a project's cells in their order.
func (tx *Tx) Cells(projectID string) ([]Cell, error) {
	return collect(tx, scanCell, `select `+cellColumns+` from cell where project_id = cast($1 as text) order by position, id`, projectID)
}

// Cell is the cell with this id.
func (tx *Tx) Cell(id string) (Cell, error) {
	return one(tx, scanCell, `select `+cellColumns+` from cell where id = $1`, id)
}

func cellConfig(c Cell) (string, error) {
	if c.Config == nil {
		return "{}", nil
	}
	b, err := json.Marshal(c.Config)
	if err != nil {
		return "", fmt.Errorf("encode cell: %w", err)
	}
	return string(b), nil
}

// CreateCell keeps a new cell at its position; cells from there on move down.
func (tx *Tx) CreateCell(c Cell) error {
	config, err := cellConfig(c)
	if err != nil {
		return err
	}
	if _, err := tx.exec(`update cell set position=position+1 where project_id=$1 and position>=$2`, c.ProjectID, c.Position); err != nil {
		return err
	}
	_, err = tx.exec(`insert into cell(`+cellColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,1)`, c.ID, c.ProjectID, c.Position, c.Kind, c.Name,
		c.Source, c.ConnectionID, config, ms(c.Created), ms(c.Updated))
	return err
}

// UpdateCell replaces a cell, unless it changed since it was read. Its project and place stay.
func (tx *Tx) UpdateCell(c Cell) error {
	config, err := cellConfig(c)
	if err != nil {
		return err
	}
	return changedOne(tx.exec(`update cell set kind=$1, name=$2, source=$3, connection_id=$4, config=$5, updated_ms=$6, version=version+1 where id=$7 and version=$8`,
		c.Kind, c.Name, c.Source, c.ConnectionID, config, ms(c.Updated), c.ID, c.Version))
}

// DeleteCell removes a cell.
func (tx *Tx) DeleteCell(id string) error {
	return tx.must(`delete from cell where id = $1`, id)
}

// MoveCell puts a cell at a place of its project's order, from 0; a place beyond either end is that end.
func (tx *Tx) MoveCell(id string, to int) error {
	c, err := tx.Cell(id)
	if err != nil {
		return err
	}
	ids, err := collect(tx, value[string], `select id from cell where project_id = $1 order by position, id`, c.ProjectID)
	if err != nil {
		return err
	}
	from := slices.Index(ids, id)
	ids = slices.Delete(ids, from, from+1)
	ids = slices.Insert(ids, min(max(to, 0), len(ids)), id)
	for i, cell := range ids {
		if _, err := tx.exec(`update cell set position=$1 where id=$2 and position<>$1`, i, cell); err != nil {
			return err
		}
	}
	return nil
}

// Cells is Tx.Cells in a snapshot of its own.
func (s *Store) Cells(ctx context.Context, projectID string) ([]Cell, error) {
	return view(ctx, s, func(tx *Tx) ([]Cell, error) { return tx.Cells(projectID) })
}

// Cell is Tx.Cell in a snapshot of its own.
func (s *Store) Cell(ctx context.Context, id string) (Cell, error) {
	return view(ctx, s, func(tx *Tx) (Cell, error) { return tx.Cell(id) })
}
