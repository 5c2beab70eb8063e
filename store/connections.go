package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"patchbay/catalog"
	"patchbay/schedule"
)

const connectionColumns = `id, name, type, project_id, draft, description, config, destination, refresh_admins_only, allow_writeback, exclude_from_agents,
	schedule, schedule_anchor_ms, next_refresh_ms, filter, server_product, server_version, server_names, reach_state, reach_cause, reach_words, reach_since_ms,
	reach_checked_ms, failures, created_by, created_ms, updated_ms, version`

func scanConnection(r scanner) (Connection, error) {
	var c Connection
	var draft, adminsOnly, writeback, hide, anchor, next, since, checked, created, updated int64
	var config, spec, filter []byte
	err := r.Scan(&c.ID, &c.Name, &c.Type, &c.ProjectID, &draft, &c.Description, &config, &c.Destination, &adminsOnly, &writeback, &hide,
		&spec, &anchor, &next, &filter, &c.ServerProduct, &c.ServerVersion, &c.Filter.Names, &c.Reach, &c.ReachCause, &c.ReachWords, &since,
		&checked, &c.Failures, &c.CreatedBy, &created, &updated, &c.Version)
	if err != nil {
		return c, err
	}
	c.Draft, c.RefreshAdminsOnly, c.AllowWriteback, c.HideFromAgents = draft == 1, adminsOnly == 1, writeback == 1, hide == 1
	c.ScheduleAnchor, c.NextRefresh, c.ReachSince, c.ReachChecked = at(anchor), at(next), at(since), at(checked)
	c.Created, c.Updated = at(created), at(updated)
	for _, part := range []struct {
		from []byte
		to   any
	}{{config, &c.Config}, {spec, &c.Schedule}, {filter, &c.Filter}} {
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return c, fmt.Errorf("read connection %s: %w", c.ID, err)
		}
	}
	return c, nil
}

// connections reads the connections that a condition chooses, by name, with what is set of their secrets and grants.
func (tx *Tx) connections(where string, args ...any) ([]Connection, error) {
	list, err := collect(tx, scanConnection, `select `+connectionColumns+` from connection `+where+` order by name_fold, id`, args...)
	if err != nil || len(list) == 0 {
		return list, err
	}
	place := map[string]int{}
	for i, c := range list {
		place[c.ID] = i
	}
	only, id := ``, []any(nil)
	if len(list) == 1 {
		only, id = ` where connection_id = cast($1 as text)`, []any{list[0].ID}
	}
	secrets, err := collect(tx, scanPair, `select connection_id, field from connection_secret`+only+` order by connection_id, field`, id...)
	if err != nil {
		return nil, err
	}
	for _, s := range secrets {
		if i, ok := place[s[0]]; ok {
			list[i].SecretsSet = append(list[i].SecretsSet, s[1])
		}
	}
	return list, tx.addGrants(list, place, only, id)
}

func (tx *Tx) addGrants(list []Connection, place map[string]int, only string, id []any) error {
	type grant struct{ connection, permission, group string }
	grants, err := collect(tx, func(r scanner) (grant, error) {
		var g grant
		err := r.Scan(&g.connection, &g.permission, &g.group)
		return g, err
	}, `select connection_id, permission, group_id from connection_grant`+only+` order by connection_id, permission, group_id`, id...)
	for _, g := range grants {
		i, ok := place[g.connection]
		switch {
		case !ok:
		case g.permission == "can_query":
			list[i].CanQuery = append(list[i].CanQuery, g.group)
		default:
			list[i].CanViewResults = append(list[i].CanViewResults, g.group)
		}
	}
	return err
}

// Connection is the connection with this id.
func (tx *Tx) Connection(id string) (Connection, error) {
	list, err := tx.connections(`where id = $1`, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Connection{}, err
	}
	return list[0], nil
}

// Connections are all connections, by name.
func (tx *Tx) Connections() ([]Connection, error) { return tx.connections(``) }

// DueConnections are those whose next refresh is not after now.
func (tx *Tx) DueConnections(now time.Time) ([]Connection, error) {
	return tx.connections(`where next_refresh_ms > 0 and next_refresh_ms <= $1 and draft = 0`, ms(now))
}

// encoded are the parts of a connection that are kept as JSON.
func encoded(c Connection) (config, spec, filter string, err error) {
	if c.Config == nil {
		c.Config = map[string]string{}
	}
	if c.Schedule.Kind == "" {
		c.Schedule.Kind = schedule.Off
	}
	for _, part := range []struct {
		from any
		to   *string
	}{{c.Config, &config}, {c.Schedule, &spec}, {c.Filter, &filter}} {
		b, err := json.Marshal(part.from)
		if err != nil {
			return "", "", "", fmt.Errorf("encode connection: %w", err)
		}
		*part.to = string(b)
	}
	return config, spec, filter, nil
}

// CreateConnection keeps a new connection with its sealed secrets and grants. A name that is taken in its scope is an
// ExistsError of the field name.
func (tx *Tx) CreateConnection(c Connection, boxes map[string][]byte) error {
	config, spec, filter, err := encoded(c)
	if err != nil {
		return err
	}
	if c.Reach == "" {
		c.Reach = ReachUnknown
	}
	_, err = tx.exec(`insert into connection(id, name, name_fold, type, project_id, draft, description, config, destination, refresh_admins_only,
		allow_writeback, exclude_from_agents, schedule, schedule_anchor_ms, next_refresh_ms, filter, reach_state, created_by, created_ms, updated_ms, version)
		values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,1)`, c.ID, c.Name, fold(c.Name), c.Type, c.ProjectID, bit(c.Draft),
		c.Description, config, c.Destination, bit(c.RefreshAdminsOnly), bit(c.AllowWriteback), bit(c.HideFromAgents), spec, ms(c.ScheduleAnchor),
		ms(c.NextRefresh), filter, c.Reach, c.CreatedBy, ms(c.Created), ms(c.Updated))
	if unique(err) {
		return &ExistsError{"name"}
	}
	if err != nil {
		return err
	}
	if err := tx.keepSecrets(c.ID, boxes, nil); err != nil {
		return err
	}
	return tx.setGrants(c.ID, c.CanQuery, c.CanViewResults)
}

// keepSecrets keeps new boxes and forgets removed ones.
func (tx *Tx) keepSecrets(id string, set map[string][]byte, remove []string) error {
	for _, field := range remove {
		if _, err := tx.exec(`delete from connection_secret where connection_id=$1 and field=$2`, id, field); err != nil {
			return fmt.Errorf("forget secret %s: %w", field, err)
		}
	}
	for field, box := range set {
		_, err := tx.exec(`insert into connection_secret(connection_id, field, box) values($1,$2,$3)
			on conflict(connection_id, field) do update set box = excluded.box`, id, field, box)
		if err != nil {
			return fmt.Errorf("keep secret %s: %w", field, err)
		}
	}
	return nil
}

// UpdateConnection replaces what the form of a connection holds, unless it changed since it was read. Boxes in set replace
// saved ones, fields in remove are forgotten. Where the destination changed and a saved secret is neither, the whole update is
// ErrSecretsNeeded: this is the one place where the rule of P12 stands, so that no door can pass it.
func (tx *Tx) UpdateConnection(c Connection, set map[string][]byte, remove []string) error {
	saved, err := tx.Connection(c.ID)
	if err != nil {
		return err
	}
	if saved.Version != c.Version {
		return ErrConflict
	}
	if saved.Destination != c.Destination {
		for _, field := range saved.SecretsSet {
			if _, replaced := set[field]; !replaced && !slices.Contains(remove, field) {
				return ErrSecretsNeeded
			}
		}
	}
	config, _, _, err := encoded(c)
	if err != nil {
		return err
	}
	_, err = tx.exec(`update connection set name=$1, name_fold=$2, draft=$3, description=$4, config=$5, destination=$6, allow_writeback=$7,
		exclude_from_agents=$8, updated_ms=$9, version=version+1 where id=$10`, c.Name, fold(c.Name), bit(c.Draft), c.Description, config,
		c.Destination, bit(c.AllowWriteback), bit(c.HideFromAgents), ms(c.Updated), c.ID)
	if unique(err) {
		return &ExistsError{"name"}
	}
	if err != nil {
		return err
	}
	tx.forgets = tx.forgets || len(set)+len(remove) > 0
	return tx.keepSecrets(c.ID, set, remove)
}

// DeleteConnection removes a connection with its secrets, grants and imports. Its catalog and its runs, which may be many rows,
// are gone for everyone at once and stay until SweepDeleted. Cells that used it keep its id and say that it is gone.
func (tx *Tx) DeleteConnection(id string) error {
	tx.forgets = true
	return tx.must(`delete from connection where id = $1`, id)
}

// SecretBox is the sealed secret of one field.
func (tx *Tx) SecretBox(id, field string) ([]byte, error) {
	return one(tx, value[[]byte], `select box from connection_secret where connection_id=$1 and field=$2`, id, field)
}

// SetPermissions replaces who may query, view results and refresh.
func (tx *Tx) SetPermissions(id string, canQuery, canView []string, refreshAdminsOnly bool) error {
	if err := tx.must(`update connection set refresh_admins_only=$1, version=version+1 where id=$2`, bit(refreshAdminsOnly), id); err != nil {
		return err
	}
	if _, err := tx.exec(`delete from connection_grant where connection_id = $1`, id); err != nil {
		return err
	}
	return tx.setGrants(id, canQuery, canView)
}

func (tx *Tx) setGrants(id string, canQuery, canView []string) error {
	for permission, groups := range map[string][]string{"can_query": canQuery, "can_view_results": canView} {
		for _, group := range groups {
			if _, err := tx.exec(`insert into connection_grant(connection_id, permission, group_id) values($1,$2,$3) on conflict do nothing`, id, permission, group); err != nil {
				return fmt.Errorf("keep grant: %w", err)
			}
		}
	}
	return nil
}

// ShareConnection makes a project connection one of the workspace, with the name, grants and schedule of c. A name that is
// taken there is an ExistsError of the field name.
func (tx *Tx) ShareConnection(c Connection) error {
	err := tx.must(`update connection set project_id='', name=$1, name_fold=$2, updated_ms=$3 where id=$4 and project_id<>''`, c.Name, fold(c.Name), ms(c.Updated), c.ID)
	if unique(err) {
		return &ExistsError{"name"}
	}
	if err != nil {
		return err
	}
	if err := tx.SetSchedule(c.ID, c.Schedule, c.ScheduleAnchor, c.NextRefresh); err != nil {
		return err
	}
	return tx.SetPermissions(c.ID, c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly)
}

// SetSchedule replaces the refresh schedule.
func (tx *Tx) SetSchedule(id string, spec schedule.Spec, anchor, next time.Time) error {
	b, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode schedule: %w", err)
	}
	return tx.must(`update connection set schedule=$1, schedule_anchor_ms=$2, next_refresh_ms=$3, version=version+1 where id=$4`, string(b), ms(anchor), ms(next), id)
}

// SetFilter replaces the schema filter.
func (tx *Tx) SetFilter(id string, f catalog.Filter) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode filter: %w", err)
	}
	return tx.must(`update connection set filter=$1, version=version+1 where id=$2`, string(b), id)
}

// SetNextRefresh remembers when the connection is due next; zero is never.
func (tx *Tx) SetNextRefresh(id string, next time.Time) error {
	_, err := tx.exec(`update connection set next_refresh_ms=$1 where id=$2`, ms(next), id)
	return err
}

// SetReach remembers how the last contact went. Since when a state holds is kept while it lasts.
func (tx *Tx) SetReach(id string, state ReachState, cause, words string, when time.Time) error {
	_, err := tx.exec(`update connection set reach_since_ms = case when reach_state = $1 then reach_since_ms else $2 end,
		reach_state=$1, reach_cause=$3, reach_words=$4, reach_checked_ms=$2 where id=$5`, string(state), ms(when), cause, words, id)
	return err
}

// reached remembers that a refresh came to its end. Where that is what was known it writes nothing: the run tells when it was.
func (tx *Tx) reached(id string, when time.Time) error {
	_, err := tx.exec(`update connection set reach_since_ms = case when reach_state = 'ok' then reach_since_ms else $1 end,
		reach_state='ok', reach_cause='', reach_words='', reach_checked_ms=$1, failures=0 where id=$2 and (reach_state <> 'ok' or failures > 0)`, ms(when), id)
	return err
}

// CountFailure notes one more refresh that failed since one succeeded, and how many that makes.
func (tx *Tx) CountFailure(id string) (int64, error) {
	return one(tx, value[int64], `update connection set failures=failures+1 where id=$1 returning failures`, id)
}

// SetServer remembers what answered, and how it compares names: a connection's Filter has that from here.
func (tx *Tx) SetServer(id, product, version string, names catalog.Case) error {
	_, err := tx.exec(`update connection set server_product=$1, server_version=$2, server_names=$3 where id=$4`, product, version, string(names), id)
	return err
}

// Connection is Tx.Connection in a snapshot of its own.
func (s *Store) Connection(ctx context.Context, id string) (Connection, error) {
	return view(ctx, s, func(tx *Tx) (Connection, error) { return tx.Connection(id) })
}

// Connections is Tx.Connections in a snapshot of its own.
func (s *Store) Connections(ctx context.Context) ([]Connection, error) {
	return view(ctx, s, (*Tx).Connections)
}

// DueConnections is Tx.DueConnections in a snapshot of its own.
func (s *Store) DueConnections(ctx context.Context, now time.Time) ([]Connection, error) {
	return view(ctx, s, func(tx *Tx) ([]Connection, error) { return tx.DueConnections(now) })
}
