package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

type requestIDKey struct{}

// WithRequestID is a context in which rows of the audit log name the request that they came from, where their entries do not.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the request that a context belongs to; empty: none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// audit appends an entry to the chain. Two writers cannot take the same place: seq is the primary key.
func (tx *Tx) audit(e AuditEntry) error {
	row, err := auditRow(e, tx.store.options.Now())
	if err != nil {
		return err
	}
	if row.RequestID == "" {
		row.RequestID = RequestID(tx.ctx)
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

// writtenUnder says whether the hash of a row was made with one of the keys. That one is moved to the front: most rows after it
// were written under it too.
func (a AuditRow) writtenUnder(keys [][]byte) bool {
	for i, key := range keys {
		if hmac.Equal(a.Hash, a.chain(key)) {
			keys[0], keys[i] = keys[i], keys[0]
			return true
		}
	}
	return false
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
	Before                                         int64 // rows before this seq; 0: from the latest
	Limit                                          int
	Action, ActorID, ObjectType, ObjectID, Outcome string
	From, To                                       time.Time // From inclusive, To exclusive
	Text                                           string    // in the person, the object, the details, the address or the request id, without case
}

// where is the filter as conditions and their arguments, only those that narrow, so that each can use its index.
func (f AuditFilter) where() (string, []any) {
	var conditions []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.Before != 0 {
		add("seq < ?", f.Before)
	}
	for _, c := range []struct{ column, value string }{{"action", f.Action}, {"actor_id", f.ActorID}, {"object_type", f.ObjectType},
		{"object_id", f.ObjectID}} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	switch f.Outcome {
	case "":
	case "ok":
		add("outcome || '' = ?", f.Outcome) // nearly every row is: no index for it
	default:
		add("outcome = ?", f.Outcome)
	}
	// Times grow with seq but for what a clock is set back, so reading by seq ends sooner than sorting what an index of times finds:
	// + 0 keeps that index out.
	if !f.From.IsZero() {
		add("at_ms + 0 >= ?", ms(f.From))
	}
	if !f.To.IsZero() {
		add("at_ms + 0 < ?", ms(f.To))
	}
	if f.Text != "" {
		add(`lower(actor || ' ' || object_name || ' ' || object_id || ' ' || action || ' ' || detail || ' ' || ip || ' ' || request_id) like ? escape '!'`,
			"%"+likeLiteral.Replace(strings.ToLower(f.Text))+"%")
	}
	if len(conditions) == 0 {
		return "", nil
	}
	return " where " + strings.Join(conditions, " and "), args
}

// likeLiteral takes their meaning from the signs of LIKE.
var likeLiteral = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// AuditRows are rows of the log, the latest first.
func (s *Store) AuditRows(ctx context.Context, f AuditFilter) ([]AuditRow, error) {
	where, args := f.where()
	args = append(args, f.Limit)
	return view(ctx, s, func(tx *Tx) ([]AuditRow, error) {
		return collect(tx, scanAudit, "select "+auditColumns+" from audit"+where+" order by seq desc limit $"+strconv.Itoa(len(args)), args...)
	})
}

// AuditHead is the number of rows of the log and the hash of the last one, unchecked. Kept elsewhere, the hash shows later that
// the end was cut off.
func (s *Store) AuditHead(ctx context.Context) (rows int64, head []byte, err error) {
	last, err := s.AuditRows(ctx, AuditFilter{Limit: 1})
	if err != nil || len(last) == 0 {
		return 0, nil, err
	}
	return last[0].Seq, last[0].Hash, nil
}

// A ChainError names the first row of the audit log that is not what was written: changed, removed or put elsewhere.
type ChainError struct {
	Row   int64 // the place
	Found int64 // the number of the row that was found there
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("the audit log was changed at row %d (found %d)", e.Row, e.Found)
}

// ErrHeadMissing says that the chain is whole and does not hold the head that was noted: its end was cut off, or it was made anew.
var ErrHeadMissing = errors.New("the audit log does not hold the noted head: rows at its end were removed")

// verified is how many rows of the log are read at a time, so that no read lasts long.
const verified = 1000

// VerifyAudit walks the whole chain and returns the number of its rows and the last hash. It fails with a ChainError at the first
// row that was changed, removed or put elsewhere. That the end was cut off shows only to who remembers a later hash.
func (s *Store) VerifyAudit(ctx context.Context) (rows int64, head []byte, err error) {
	return s.VerifyAuditHead(ctx, nil, func(int64) {})
}

// VerifyAuditHead is VerifyAudit that also fails with ErrHeadMissing where no row has the hash noted (nil: none was noted).
// progress hears how many rows were found right so far.
func (s *Store) VerifyAuditHead(ctx context.Context, noted []byte, progress func(rows int64)) (rows int64, head []byte, err error) {
	head = []byte{}
	seen := len(noted) == 0
	keys := append([][]byte{s.options.AuditKey}, s.options.AuditKeysBefore...)
	for {
		page, err := view(ctx, s, func(tx *Tx) ([]AuditRow, error) {
			return collect(tx, scanAudit, `select `+auditColumns+` from audit where seq > $1 or $1 = 0 order by seq limit $2`, rows, verified)
		})
		if err != nil {
			return rows, head, fmt.Errorf("read audit: %w", err)
		}
		for _, a := range page {
			if a.Seq != rows+1 || !hmac.Equal(a.PrevHash, head) || !a.writtenUnder(keys) {
				return rows, head, &ChainError{Row: rows + 1, Found: a.Seq}
			}
			rows, head = a.Seq, a.Hash
			seen = seen || hmac.Equal(head, noted)
		}
		progress(rows)
		if len(page) < verified {
			if !seen {
				return rows, head, ErrHeadMissing
			}
			return rows, head, nil
		}
	}
}
