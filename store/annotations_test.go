package store_test

import (
	"testing"

	"patchbay/catalog"
	"patchbay/store"
)

func TestAnnotations(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		table := catalog.Path{"d", "s%_", "a/b"}
		column := catalog.Path{"d", "s%_", "a/b", "é"}
		twin := catalog.Path{"d", "s%_", "a/bc"}
		update(t, s, func(tx *store.Tx) error {
			for _, a := range []store.Annotation{
				{Path: nil, Description: "All of it", By: "mira", Updated: c.Now()},
				{Path: table, Description: "Old", By: "mira", Updated: c.Now()},
				{Path: table, Description: "'; drop table annotation; --", Label: catalog.Label{Mark: catalog.MarkEndorsed}, By: "mira", Updated: c.Now()},
				{Path: column, Label: catalog.Label{ExcludeFromAgents: true}, By: "mira", Updated: c.Now()},
				{Path: twin, Label: catalog.Label{Mark: catalog.MarkDeprecated}, By: "mira", Updated: c.Now()},
			} {
				if err := tx.SetAnnotation("w", a); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := s.Annotation(ctx, "w", table)
		check(t, err)
		equal(t, got, store.Annotation{Path: table, Description: "'; drop table annotation; --", Label: catalog.Label{Mark: catalog.MarkEndorsed}, By: "mira", Updated: c.Now()})
		none, err := s.Annotation(ctx, "w", catalog.Path{"d"})
		check(t, err)
		equal(t, none, store.Annotation{Path: catalog.Path{"d"}})
		inside, err := s.AnnotationsBelow(ctx, "w", table)
		check(t, err)
		equal(t, len(inside), 1)
		equal(t, inside[0].Path, column)
		labels, err := s.Labels(ctx, "w")
		check(t, err)
		equal(t, labels, catalog.Labels{table.String(): {Mark: catalog.MarkEndorsed}, column.String(): {ExcludeFromAgents: true}, twin.String(): {Mark: catalog.MarkDeprecated}})

		said, err := s.Descriptions(ctx, "w", []catalog.Path{table, {"d"}})
		check(t, err)
		equal(t, said, map[string]string{table.String(): "'; drop table annotation; --"})
		said, err = s.Descriptions(ctx, "w", nil)
		check(t, err)
		equal(t, said, map[string]string{})
		update(t, s, func(tx *store.Tx) error { return tx.PurgeAnnotations("w", []string{table.String()}) })
		labels, err = s.Labels(ctx, "w")
		check(t, err)
		equal(t, labels, catalog.Labels{twin.String(): {Mark: catalog.MarkDeprecated}})
		update(t, s, func(tx *store.Tx) error { return tx.SetAnnotation("w", store.Annotation{Path: twin}) })
		labels, err = s.Labels(ctx, "w")
		check(t, err)
		equal(t, len(labels), 0)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteConnection("w") })
		gone, err := s.Annotation(ctx, "w", nil)
		check(t, err)
		equal(t, gone.Description, "")
	})
}
