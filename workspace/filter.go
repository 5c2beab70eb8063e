package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
)

// How long names read for previews are believed, how long a failure to read them is, and how long reading them may take.
const (
	namesLast       = 10 * time.Minute
	namesFailedLast = 30 * time.Second
	namesDeadline   = 20 * time.Second
)

// previewNames is how many names a preview lists each way and level.
const previewNames = 200

// A FilterPreview says what a filter would keep and drop, level by level.
type FilterPreview struct {
	Levels []catalog.Preview
	Read   time.Time // when the names were read
	Known  error     // why the names are those of the catalog as it is known, which lacks what the saved filter drops; nil: the source's own
	Partly bool      // the source would not tell some of its names

	Hidden []catalog.Path // the page that was asked for, and how many names there are on all pages
	Found  int
}

// A HiddenPage asks for some of what a filter drops: objects of a level whose path, written with dots, holds Find. Without a level,
// for none.
type HiddenPage struct {
	Level       catalog.Level
	Find        string
	From, Limit int
}

// PreviewFilter says what f would do to a workspace connection's catalog, and changes nothing. It decides over the names that
// the source has, so that it knows what the saved filter drops and works before the first refresh. Where the source cannot be
// read, it decides over the catalog as it is known; without one, the error says why the source could not be read.
func (w *Workspace) PreviewFilter(ctx context.Context, who access.Actor, id string, f catalog.Filter, hidden HiddenPage) (FilterPreview, error) {
	if err := access.AdminOnly(who, "preview a connection's schema filter"); err != nil {
		return FilterPreview{}, err
	}
	c, err := view(ctx, w.Store, func(tx *store.Tx) (store.Connection, error) { return workspaceConnection(tx, id) })
	if err != nil {
		return FilterPreview{}, err
	}
	if bad := f.Check(); len(bad) > 0 {
		return FilterPreview{}, &Invalid{Fields: bad}
	}
	connector, ok := w.Registry.Get(c.Type)
	if !ok {
		return FilterPreview{}, fmt.Errorf("preview filter: unknown type %q", c.Type)
	}
	n, err := w.sourceNames(ctx, who, &c, connector)
	if err != nil {
		return FilterPreview{}, fmt.Errorf("preview filter: %w", err)
	}
	if f.Names = c.Filter.Names; n.err == nil {
		f.Names = n.compares
	}
	match, err := catalog.NewMatcher(f, connector.Levels)
	if err != nil {
		return FilterPreview{}, fmt.Errorf("preview filter: %w", err)
	}
	p := FilterPreview{Read: n.read, Partly: n.partly, Known: n.err}
	shard := n.shard
	if n.err != nil {
		if shard, ok = w.Refresh.Shard(id); !ok {
			return FilterPreview{}, n.err
		}
		state, err := w.Store.CatalogState(ctx, id)
		if err != nil {
			return FilterPreview{}, fmt.Errorf("preview filter: %w", err)
		}
		p.Read, p.Partly = state.Read, false
	}
	p.Levels = shard.Preview(match, previewNames)
	if hidden.Level != "" {
		p.Hidden, p.Found = shard.Dropped(match, hidden.Level, hidden.Find, hidden.From, hidden.Limit)
	}
	return p, nil
}

// Matcher is a connection's saved filter made ready. What is known of an object that it hides, from before, is told to nobody by name but
// to Admins, where they see to the connection. A connection of a type that there is no connector for is store.ErrNotFound.
func (w *Workspace) Matcher(c store.Connection) (*catalog.Matcher, error) {
	connector, ok := w.Registry.Get(c.Type)
	if !ok {
		return nil, store.ErrNotFound
	}
	match, err := catalog.NewMatcher(c.Filter, connector.Levels)
	if err != nil {
		return nil, fmt.Errorf("schema filter: %w", err)
	}
	return match, nil
}

// HiddenTables is how many tables the saved filter of a connection hides. Not ok: the names that its source has were not read
// lately, and are not read for this.
func (w *Workspace) HiddenTables(c store.Connection) (tables int, ok bool) {
	n, ok := w.names.get(&c, w.Now())
	if !ok || n.err != nil {
		return 0, false
	}
	n.counting.Lock()
	defer n.counting.Unlock()
	if n.counted == c.Version {
		return n.hidden, true
	}
	c.Filter.Names = n.compares
	match, err := w.Matcher(c)
	if err != nil {
		return 0, false
	}
	all := n.shard.Preview(match, 0)
	n.hidden, n.counted = all[len(all)-1].Dropped, c.Version
	return n.hidden, true
}

// names are the names that a source had when they were read, or why they could not be. They never change; what is counted of them
// is remembered.
type names struct {
	shard  *catalog.Shard
	config map[string]string // of the connection as it was read
	edits  int64             // its version then
	read   time.Time
	partly bool
	err    error

	compares catalog.Case // how the source compares them

	counting sync.Mutex
	counted  int64 // the version of the connection whose filter hides so many tables; 0: not counted
	hidden   int
}

// holds says whether the names are still those of c. A failure holds until the connection is edited: a password may have been
// mended, which config does not hold.
func (n *names) holds(c *store.Connection, now time.Time) bool {
	if n.err != nil {
		return now.Sub(n.read) < namesFailedLast && n.edits == c.Version
	}
	return now.Sub(n.read) < namesLast && maps.Equal(n.config, c.Config)
}

// A nameCache keeps what was read for previews. The zero value is ready.
type nameCache struct {
	mu      sync.Mutex
	known   map[string]*names // by connection
	reading singleflight.Group
}

func (k *nameCache) get(c *store.Connection, now time.Time) (*names, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, ok := k.known[c.ID]
	return n, ok && n.holds(c, now)
}

// put keeps n and forgets what is too old.
func (k *nameCache) put(id string, n *names) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]*names{}
	}
	maps.DeleteFunc(k.known, func(_ string, old *names) bool { return n.read.Sub(old.read) >= namesLast })
	k.known[id] = n
}

// sourceNames are the names of everything in the source, read at most once in a while and once at a time, however many ask. A
// reading is audited with its destination, as a test is.
func (w *Workspace) sourceNames(ctx context.Context, who access.Actor, c *store.Connection, connector *connectors.Connector) (*names, error) {
	if n, ok := w.names.get(c, w.Now()); ok {
		return n, nil
	}
	answer := w.names.reading.DoChan(fmt.Sprintf("%s %d", c.ID, c.Version), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), namesDeadline) // others wait for it too
		defer cancel()
		n := w.readNames(ctx, c, connector.Levels)
		w.names.put(c.ID, n)
		entry := connectionEntry(who, "connection.read_names", *c)
		if entry.Detail["destination"] = connector.Host(c.Config); n.err != nil {
			entry.Outcome = "failed"
		}
		return n, w.Store.Audit(context.WithoutCancel(ctx), entry)
	})
	select {
	case a := <-answer:
		return a.Val.(*names), a.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *Workspace) readNames(ctx context.Context, c *store.Connection, levels []catalog.Level) *names {
	n := &names{config: maps.Clone(c.Config), edits: c.Version, read: w.Now()}
	src, err := w.Opener.openForAdmin(ctx, c)
	if err != nil {
		n.err = err
		return n
	}
	server, err := src.Server(ctx)
	to := &nameSink{builder: catalog.NewBuilder(levels)}
	if err == nil {
		err = src.ReadCatalog(ctx, catalog.Filter{NamesOnly: true}, to)
	}
	n.err = errors.Join(err, src.Close())
	n.shard, n.partly, n.compares = to.builder.Build(), to.skipped, server.Names
	return n
}

// A nameSink keeps the names of tables, and nothing else of them.
type nameSink struct {
	builder *catalog.Builder
	skipped bool
}

func (s *nameSink) Table(t catalog.Table) error { return s.builder.Add(catalog.Table{Path: t.Path}) }

func (s *nameSink) Done(catalog.Path) error { return nil }

func (s *nameSink) Skipped(catalog.Path, error) error {
	s.skipped = true
	return nil
}
