package workspace

import (
	"errors"
	"testing"
	"time"

	"patchbay/store"
)

// A failure to read names is believed for a while, but not once the connection was edited: the edit may have mended its password,
// which its fields do not show. Names that were read stay while the fields do.
func TestFailedNamesHoldUntilTheConnectionIsEdited(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	c := &store.Connection{ID: "c", Version: 1, Config: map[string]string{"host": "h"}}
	var cache nameCache
	known := func(c store.Connection, later time.Duration) bool {
		_, ok := cache.get(&c, now.Add(later))
		return ok
	}
	mended, moved := *c, *c
	mended.Version, moved.Version, moved.Config = 2, 2, map[string]string{"host": "other"}

	cache.put(c.ID, &names{config: c.Config, edits: 1, read: now, err: errors.New("wrong password")})
	if !known(*c, time.Second) || known(*c, namesFailedLast) || known(mended, time.Second) {
		t.Error("a failure holds too short, too long, or after an edit")
	}
	cache.put(c.ID, &names{config: c.Config, edits: 1, read: now})
	if !known(*c, namesFailedLast) || !known(mended, time.Second) || known(*c, namesLast) || known(moved, time.Second) {
		t.Error("names hold too short, too long, or after the connection moved")
	}
}
