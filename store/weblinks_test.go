package store_test

import (
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

func TestWebLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		link := store.WebLink{ID: "l", ProjectID: "p", Name: "Board", Hash: []byte{1}, CreatedBy: "mira", Created: c.Now(), Expires: c.Now().Add(time.Hour)}
		update(t, s, func(tx *store.Tx) error {
			check(t, tx.CreateProject(store.Project{ID: "p", Name: "P", Shares: []access.Share{{To: "web", Access: access.View}}}))
			return tx.CreateWebLink(link)
		})
		links, err := s.WebLinks(ctx, "p")
		check(t, err)
		equal(t, links, []store.WebLink{link})
		update(t, s, func(tx *store.Tx) error {
			want(t, tx.ReplaceWebLink("another", "l", []byte{2}), store.ErrNotFound)
			want(t, tx.DeleteWebLink("another", "l"), store.ErrNotFound)
			check(t, tx.TouchWebLink("l", c.Now()))
			check(t, tx.ReplaceWebLink("p", "l", []byte{2}))
			_, err := tx.WebLinkByHash([]byte{1})
			want(t, err, store.ErrNotFound)
			found, err := tx.WebLinkByHash([]byte{2})
			link.Hash = []byte{2}
			equal(t, found, link)
			check(t, err)
			return tx.DeleteProject("p")
		})
		links, err = s.WebLinks(ctx, "p")
		check(t, err)
		equal(t, len(links), 0)
	})
}
