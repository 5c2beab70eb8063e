package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"patchbay/catalog"
)

const annotationColumns = `path, description, mark, exclude_from_agents, updated_by, updated_ms`

func scanAnnotation(r scanner) (Annotation, error) {
	var a Annotation
	var path string
	var excluded, updated int64
	if err := r.Scan(&path, &a.Description, &a.Label.Mark, &excluded, &a.By, &updated); err != nil {
		return a, err
	}
	a.Label.ExcludeFromAgents, a.Updated = excluded == 1, at(updated)
	var err error
	a.Path, err = catalog.ParsePath(path)
	return a, err
}

// Annotation is what is said of one object; the zero one where nothing is.
func (tx *Tx) Annotation(connectionID string, path catalog.Path) (Annotation, error) {
	a, err := one(tx, scanAnnotation, `select `+annotationColumns+` from annotation where connection_id = $1 and path = $2`, connectionID, path.String())
	if errors.Is(err, ErrNotFound) {
		return Annotation{Path: path}, nil
	}
	return a, err
}

// SetAnnotation keeps what is said of an object; an annotation that says nothing is removed.
func (tx *Tx) SetAnnotation(connectionID string, a Annotation) error {
	if a.Description == "" && a.Label == (catalog.Label{}) {
		_, err := tx.exec(`delete from annotation where connection_id = $1 and path = $2`, connectionID, a.Path.String())
		return err
	}
	_, err := tx.exec(`insert into annotation(connection_id, `+annotationColumns+`) values($1,$2,$3,$4,$5,$6,$7)
		on conflict(connection_id, path) do update set description=excluded.description, mark=excluded.mark,
		exclude_from_agents=excluded.exclude_from_agents, updated_by=excluded.updated_by, updated_ms=excluded.updated_ms`,
		connectionID, a.Path.String(), a.Description, string(a.Label.Mark), bit(a.Label.ExcludeFromAgents), a.By, ms(a.Updated))
	return err
}

// AnnotationsBelow are those of the objects below one, columns of a table for instance.
func (tx *Tx) AnnotationsBelow(connectionID string, path catalog.Path) ([]Annotation, error) {
	return collect(tx, scanAnnotation, `select `+annotationColumns+` from annotation where connection_id = $1 and substr(path, 1, length($2)) = $2 order by path`,
		connectionID, below(path))
}

// below begins the paths of everything below an object.
func below(path catalog.Path) string {
	if len(path) == 0 {
		return ""
	}
	return path.String() + "/"
}

// Labels are the marks of a connection's objects.
func (tx *Tx) Labels(connectionID string) (catalog.Labels, error) {
	type labelled struct {
		path  string
		label catalog.Label
	}
	all, err := collect(tx, func(r scanner) (labelled, error) {
		var l labelled
		var excluded int64
		err := r.Scan(&l.path, &l.label.Mark, &excluded)
		l.label.ExcludeFromAgents = excluded == 1
		return l, err
	}, `select path, mark, exclude_from_agents from annotation where connection_id = $1 and (mark <> '' or exclude_from_agents = 1)`, connectionID)
	labels := make(catalog.Labels, len(all))
	for _, l := range all {
		labels[l.path] = l.label
	}
	return labels, err
}

// Descriptions are what is written of some objects, by Path.String; of which nothing is, are left out.
func (tx *Tx) Descriptions(connectionID string, paths []catalog.Path) (map[string]string, error) {
	said := map[string]string{}
	if len(paths) == 0 {
		return said, nil
	}
	args := []any{connectionID}
	var places strings.Builder
	for _, p := range paths {
		args = append(args, p.String())
		fmt.Fprintf(&places, ",$%d", len(args))
	}
	found, err := collect(tx, func(r scanner) (row [2]string, err error) {
		err = r.Scan(&row[0], &row[1])
		return row, err
	}, `select path, description from annotation where connection_id = $1 and description <> '' and path in (`+places.String()[1:]+`)`, args...)
	for _, f := range found {
		said[f[0]] = f[1]
	}
	return said, err
}

// PurgeAnnotations removes what is said of these objects and of everything below them: they are gone for good.
func (tx *Tx) PurgeAnnotations(connectionID string, paths []string) error {
	return tx.purgeBelow("annotation", connectionID, paths)
}

// purgeBelow deletes the rows of a table of ours that belong to these objects, or to anything below them.
func (tx *Tx) purgeBelow(table, connectionID string, paths []string) error {
	err := tx.many(`delete from `+table+` where connection_id = $1 and (path = $2 or substr(path, 1, length($2) + 1) = $2 || '/')`, func(yield func([]any) bool) {
		for _, path := range paths {
			if !yield([]any{connectionID, path}) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("purge %s: %w", table, err)
	}
	return nil
}

// Annotation is Tx.Annotation in a snapshot of its own.
func (s *Store) Annotation(ctx context.Context, connectionID string, path catalog.Path) (Annotation, error) {
	return view(ctx, s, func(tx *Tx) (Annotation, error) { return tx.Annotation(connectionID, path) })
}

// AnnotationsBelow is Tx.AnnotationsBelow in a snapshot of its own.
func (s *Store) AnnotationsBelow(ctx context.Context, connectionID string, path catalog.Path) ([]Annotation, error) {
	return view(ctx, s, func(tx *Tx) ([]Annotation, error) { return tx.AnnotationsBelow(connectionID, path) })
}

// Labels is Tx.Labels in a snapshot of its own.
func (s *Store) Labels(ctx context.Context, connectionID string) (catalog.Labels, error) {
	return view(ctx, s, func(tx *Tx) (catalog.Labels, error) { return tx.Labels(connectionID) })
}

// Descriptions is Tx.Descriptions in a snapshot of its own.
func (s *Store) Descriptions(ctx context.Context, connectionID string, paths []catalog.Path) (map[string]string, error) {
	return view(ctx, s, func(tx *Tx) (map[string]string, error) { return tx.Descriptions(connectionID, paths) })
}
