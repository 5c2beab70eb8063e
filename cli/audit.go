package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"

	"patchbay/auth"
	"patchbay/store"
)

// audit walks the chain of the audit log, beside a running server too, and fails at the first row that is not what was written.
func audit(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "verify" {
		return errors.New("usage: patchbay audit verify [--head HASH]")
	}
	fs := flag.NewFlagSet("patchbay audit verify", flag.ContinueOnError)
	fs.SetOutput(out)
	dir := dataDir(fs)
	noted := fs.String("head", "", "head hash noted earlier, from the page or the server's log: fails if rows up to it were cut off")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("audit verify does not take %q", fs.Arg(0))
	}
	hash, err := hex.DecodeString(*noted)
	if err != nil || len(hash) != 0 && len(hash) != 32 {
		return fmt.Errorf("--head %q is no head hash: it has 64 hexadecimal digits", *noted)
	}
	return withAuth(ctx, *dir, func(st *store.Store, _ *auth.Auth) error {
		rows, head, err := st.VerifyAuditHead(ctx, hash, func(int64) {})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "the audit log is whole: %d rows, head %x\n", rows, head)
		return err
	})
}
