package refresh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
)

// What a reading that is believed could not tell: the parts that stay as they were, why, and what people have to decide.
type parts struct {
	stale []store.StaleScope
	asked []string // keys of the tables of which an Admin has to say whether they are gone

	cause, words, hint string // of the run; empty: all was read
}

// parts are the parts that could not be read, those that are not listed any more, and those of before that nobody has read since.
// While people are being asked already, they are asked about all of it.
func (a *apply) parts(ctx context.Context, o catalog.Outcome, asks bool) (p parts, err error) {
	before, err := a.options.Store.Scopes(ctx, a.id)
	if err != nil {
		return p, fmt.Errorf("read stale scopes: %w", err)
	}
	listed := map[string]bool{}
	add := func(scope catalog.Path, reason string) bool {
		key := scope.String()
		if listed[key] {
			return false
		}
		listed[key] = true
		p.stale = append(p.stale, store.StaleScope{Path: scope, Reason: reason, Since: a.options.Now()})
		return true
	}
	for _, skip := range o.Stale {
		if denied(skip.Why) && !o.Keeps(skip.Scope) {
			continue // what the connection's user never saw is nobody's loss
		}
		if add(skip.Scope, reasonOf(skip.Why)) && p.cause == "" {
			p.cause, p.hint = causeOf(skip.Why)
		}
	}
	for _, u := range unlisted(o.Unlisted) {
		if !add(u.Path, u.Reason) {
			continue
		}
		asks = asks || !slices.ContainsFunc(before, func(s store.StaleScope) bool { return s.Path.String() == u.Path.String() && s.Reason == u.Reason })
		if p.cause == "" {
			p.cause, p.hint = "suspicious", "Check that the user of the connection still has its rights. If the tables are really gone, an Admin can apply it anyway"
		}
	}
	if asks {
		p.asked = o.Unlisted
	}
	p.words = a.partWords(o, p.stale)
	for _, s := range before {
		switch key := s.Path.String(); {
		case len(s.Path) == 0: // what kept the whole of it in doubt is over with a reading that is believed
		case !listed[key] && !o.Covers(key) && o.Keeps(s.Path):
			p.stale = append(p.stale, s)
		}
	}
	return p, nil
}

// inDoubt is the run about which people are being asked already; empty: none.
func (a *apply) inDoubt(ctx context.Context) (run string, err error) {
	doubt, err := a.options.Store.Doubt(ctx, a.id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read doubt: %w", err)
	}
	return doubt.RunID, nil
}

// unlisted are the parts in which tables lie that are not listed any more, with the words that say so. What an Admin has once
// decided to keep is not asked about again while these words stay the same.
func unlisted(keys []string) (scopes []store.StaleScope) {
	count := map[string]int64{}
	for _, path := range paths(keys) {
		parent := path.Parent()
		if count[parent.String()]++; count[parent.String()] == 1 {
			scopes = append(scopes, store.StaleScope{Path: parent})
		}
	}
	for i, s := range scopes {
		scopes[i].Reason = "1 table is not listed any more: it was dropped, or the right to see it was taken away"
		if n := count[s.Path.String()]; n > 1 {
			scopes[i].Reason = fmt.Sprintf("%d tables are not listed any more: they were dropped, or the right to see them was taken away", n)
		}
	}
	return scopes
}

// partWords say how much was read, and why not the rest: "Read 3 of 4 databases. shop: It took too long". Nothing where all was.
func (a *apply) partWords(o catalog.Outcome, stale []store.StaleScope) string {
	if len(stale) == 0 {
		return ""
	}
	words := "Not everything was read. "
	if read, all := o.ReadOf(); read < all {
		words = fmt.Sprintf("Read %d of %d %ss. ", read, all, a.levels[0])
	}
	first := stale[0]
	if name := strings.Join(first.Path, "."); name != "" {
		words += name + ": "
	}
	return words + first.Reason
}

// causeOf is the cause of why a part was skipped and what to do about it.
func causeOf(err error) (cause, hint string) {
	var e *connectors.Error
	if errors.As(err, &e) {
		return string(e.Cause), e.Advice()
	}
	return string(connectors.CauseInternal), connectors.CauseInternal.Hint()
}

// paths are stored keys as paths. One that cannot be read names nothing that people could look for.
func paths(keys []string) []catalog.Path {
	all := make([]catalog.Path, 0, len(keys))
	for _, key := range keys {
		if path, err := catalog.ParseTablePath(key); err == nil {
			all = append(all, path)
		}
	}
	return all
}
