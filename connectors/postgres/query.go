package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/connectors"
)

// timeoutMargin is how much later than ours the server's own time limit ends a statement: the second line of defence.
const timeoutMargin = 2 * time.Second

var errCopy = errors.New("COPY from or to the client is not supported")

// Query implements connectors.Source. The statement goes by the extended protocol, which takes one statement and no more, and
// answers in text: what the server itself writes.
func (s *source) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	args, err := bind(st.Args)
	if err != nil {
		return nil, err
	}
	se, err := s.acquire(ctx, st.Database)
	if err != nil {
		return nil, err
	}
	r := &rows{ctx: ctx, source: s, session: se, affected: -1, ahead: aheadOf(st), syncs: 1}
	if !st.ReadOnly {
		r.syncs = 2
	}
	r.stop = s.watch(ctx, se)
	err = send(ctx, se.conn, st, args)
	if err == nil {
		err = r.begin()
	}
	if err == nil {
		r.columns, err = s.describe(ctx, se.database, r.fields)
	}
	if err != nil {
		r.err = r.reason(err)
		_ = r.Close()
		return nil, r.err
	}
	return r, nil
}

// aheadOf is what is sent before the caller's text, in the same statement.
func aheadOf(st connectors.Statement) string {
	if st.Comment == "" {
		return ""
	}
	return "/* " + st.Comment + " */ "
}

// send writes everything that a statement takes in one go: its transaction and time limit first. Where the statement is read
// only, nothing stands between them at which the server would go on after a mistake, so that it can never run outside of the
// read-only transaction (P8).
func send(ctx context.Context, conn *pgconn.PgConn, st connectors.Statement, args arguments) error {
	f := conn.Frontend()
	if st.ReadOnly {
		sendPlain(f, "begin read only")
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit := max(time.Until(deadline)+timeoutMargin, time.Millisecond)
		sendPlain(f, fmt.Sprintf("set statement_timeout = %d", limit.Milliseconds()))
	}
	if !st.ReadOnly {
		f.SendSync(&pgproto3.Sync{}) // VACUUM and its like refuse to run behind another statement
	}
	f.SendParse(&pgproto3.Parse{Query: aheadOf(st) + st.SQL, ParameterOIDs: args.types})
	f.SendBind(&pgproto3.Bind{Parameters: args.values})
	f.SendDescribe(&pgproto3.Describe{ObjectType: 'P'})
	f.SendExecute(&pgproto3.Execute{})
	f.SendSync(&pgproto3.Sync{})
	return f.Flush()
}

// sendPlain sends a statement of ours whose answer has no rows and no description.
func sendPlain(f *pgproto3.Frontend, text string) {
	f.SendParse(&pgproto3.Parse{Query: text})
	f.SendBind(&pgproto3.Bind{})
	f.SendExecute(&pgproto3.Execute{})
}

// arguments are bound values: in text, typed as PostgreSQL would type the same value written into the statement.
type arguments struct {
	types  []uint32
	values [][]byte
}

func bind(args []any) (arguments, error) {
	out := arguments{make([]uint32, len(args)), make([][]byte, len(args))}
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
		case string:
			out.values[i] = []byte(v)
		case bool:
			out.types[i], out.values[i] = oidBool, strconv.AppendBool(nil, v)
		case int64:
			out.types[i], out.values[i] = integerType(v), strconv.AppendInt(nil, v, 10)
		case float64:
			out.types[i], out.values[i] = floatType(v), strconv.AppendFloat(nil, v, 'g', -1, 64)
		case []string:
			out.values[i] = arrayLiteral(v)
		default:
			return out, fmt.Errorf("value %d is a %T, which cannot be bound", i+1, arg)
		}
	}
	return out, nil
}

// integerType types a number as PostgreSQL types one that is written out: functions that take an integer take no bigint.
func integerType(v int64) uint32 {
	if int64(int32(v)) == v {
		return oidInt4
	}
	return oidInt8
}

// floatType is numeric, as for a number that is written out with a point; what numeric does not have in every version is not.
func floatType(v float64) uint32 {
	if math.IsInf(v, 0) {
		return oidFloat8
	}
	return oidNumeric
}

// arrayLiteral writes a list as PostgreSQL reads arrays: every element in double quotes.
func arrayLiteral(list []string) []byte {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	out := []byte{'{'}
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), escape.Replace(v)...), '"')
	}
	return append(out, '}')
}
