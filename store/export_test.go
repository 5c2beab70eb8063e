package store

import "context"

// Exec runs statements past every rule of the store, on its writing connection.
func (s *Store) Exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.write.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Column is the single column of a query, on the connection that writes.
func (s *Store) Column(ctx context.Context, query string) ([]string, error) {
	var out []string
	err := s.Maintain(ctx, func(tx *Tx) (err error) { out, err = collect(tx, value[string], query); return err })
	return out, err
}

// ReadColumn is Column on a connection that reads.
func (s *Store) ReadColumn(ctx context.Context, query string) ([]string, error) {
	return view(ctx, s, func(tx *Tx) ([]string, error) { return collect(tx, value[string], query) })
}

// AuditMany keeps an entry several times in one transaction.
func (s *Store) AuditMany(ctx context.Context, e AuditEntry, times int) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		for range times {
			if err := tx.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rehash is the row as someone would forge it who has the file and another key.
func (a AuditRow) Rehash(key []byte) AuditRow {
	a.Hash = a.chain(key)
	return a
}

// Fail asks for what the database refuses.
func (tx *Tx) Fail() error {
	_, err := collect(tx, value[string], `select no_such_column from project`)
	return err
}
