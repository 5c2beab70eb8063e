package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// audit appends an entry to the chain. Two writers cannot take the same place: seq is the primary key.
func (tx *Tx) audit(e AuditEntry) error {
	row, err := auditRow(e, tx.store.options.Now())
	if err != nil {
		return err
	}
	last, err := one(tx, func(r scanner) (AuditRow, error) {
		var a AuditRow
		err := r.Scan(&a.Seq, &a.Hash)
		return a, err
	}, `select seq, hash from audit order by seq desc limit 1`)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("read end of audit: %w", err)
	}
	row.Seq, row.PrevHash = last.Seq+1, last.Hash
	if row.PrevHash == nil {
		row.PrevHash = []byte{}
	}
	row.Hash = row.chain(tx.store.options.AuditKey)
	_, err = tx.exec(`insert into audit(seq, id, at_ms, actor_id, actor, action, object_type, object_id, object_name, outcome, detail, ip, request_id, prev_hash, hash)
		values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)`, row.Seq, row.ID, ms(row.At), row.ActorID, row.Actor, row.Action,
		row.ObjectType, row.ObjectID, row.ObjectName, row.Outcome, row.Detail, row.IP, row.RequestID, row.PrevHash, row.Hash)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

func auditRow(e AuditEntry, now time.Time) (AuditRow, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return AuditRow{}, fmt.Errorf("make audit id: %w", err)
	}
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		if detail, err = json.Marshal(e.Detail); err != nil {
			return AuditRow{}, fmt.Errorf("encode audit detail: %w", err)
		}
	}
	actor := e.Who.Email
	if actor == "" {
		actor = e.Who.Name
	}
	outcome := e.Outcome
	if outcome == "" {
		outcome = "ok"
	}
	return AuditRow{ID: id.String(), At: at(ms(now)), ActorID: e.Who.UserID, Actor: actor, Action: e.Action, ObjectType: e.ObjectType,
		ObjectID: e.ObjectID, ObjectName: e.ObjectName, Outcome: outcome, Detail: string(detail), IP: e.Who.IP, RequestID: e.Who.RequestID}, nil
}

// chain is the MAC over the row before and every field of this one, each with its length before it, so that fields cannot run
// together.
func (a AuditRow) chain(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	var length [8]byte
	field := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	field(a.PrevHash)
	for _, n := range []int64{a.Seq, ms(a.At)} {
		field(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	for _, s := range []string{a.ID, a.ActorID, a.Actor, a.Action, a.ObjectType, a.ObjectID, a.ObjectName, a.Outcome, a.Detail, a.IP, a.RequestID} {
		field([]byte(s))
	}
	return h.Sum(nil)
}

const auditColumns = `seq, id, at_ms, actor_id, actor, action, object_type, object_id, object_name, outcome, detail, ip, request_id, prev_hash, hash`

func scanAudit(r scanner) (AuditRow, error) {
	var a AuditRow
	var when int64
	err := r.Scan(&a.Seq, &a.ID, &when, &a.ActorID, &a.Actor, &a.Action, &a.ObjectType, &a.ObjectID, &a.ObjectName, &a.Outcome,
		&a.Detail, &a.IP, &a.RequestID, &a.PrevHash, &a.Hash)
	a.At = at(when)
	return a, err
}

// An AuditFilter narrows the audit log; empty fields do not.
type AuditFilter struct {
	Before                                int64 // rows before this seq; 0: from the latest
	Limit                                 int
	Action, ActorID, ObjectType, ObjectID string
}

// AuditRows are rows of the log, the latest first.
func (s *Store) AuditRows(ctx context.Context, f AuditFilter) ([]AuditRow, error) {
	return view(ctx, s, func(tx *Tx) ([]AuditRow, error) {
		return collect(tx, scanAudit, `select `+auditColumns+` from audit where ($1 = 0 or seq < $1) and ($2 = '' or action = $2)
			and ($3 = '' or actor_id = $3) and ($4 = '' or object_type = $4) and ($5 = '' or object_id = $5) order by seq desc limit $6`,
			f.Before, f.Action, f.ActorID, f.ObjectType, f.ObjectID, f.Limit)
	})
}

// verified is how many rows of the log are read at a time, so that no read lasts long.
const verified = 1000

// VerifyAudit walks the whole chain and returns the number of its rows and the last hash. It fails at the first row that was
// changed, removed or put elsewhere. That the end was cut off shows only to who remembers a later hash.
func (s *Store) VerifyAudit(ctx context.Context) (rows int64, head []byte, err error) {
	head = []byte{}
	for {
		page, err := view(ctx, s, func(tx *Tx) ([]AuditRow, error) {
			return collect(tx, scanAudit, `select `+auditColumns+` from audit where seq > $1 or $1 = 0 order by seq limit $2`, rows, verified)
		})
		if err != nil {
			return rows, head, fmt.Errorf("read audit: %w", err)
		}
		for _, a := range page {
			if a.Seq != rows+1 || !hmac.Equal(a.PrevHash, head) || !hmac.Equal(a.Hash, a.chain(s.options.AuditKey)) {
				return rows, head, fmt.Errorf("the audit log was changed at row %d (found %d)", rows+1, a.Seq)
			}
			rows, head = a.Seq, a.Hash
		}
		if len(page) < verified {
			return rows, head, nil
		}
	}
}
