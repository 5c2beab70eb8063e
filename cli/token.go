package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// operator is who acts when a command does: whoever has the server's shell has the data folder, so may do what an Admin may.
var operator = access.Actor{Name: "operator (command line)", Role: access.RoleAdmin}

// token makes an API token and prints it, this once.
func token(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "create" {
		return errors.New("usage: patchbay token create --user EMAIL --name NAME --scope read|write|admin [--expires 90d]")
	}
	fs := flag.NewFlagSet("patchbay token create", flag.ContinueOnError)
	fs.SetOutput(out)
	dir := dataDir(fs)
	email := fs.String("user", "", "e-mail address of the token's user")
	name := fs.String("name", "", "what the token is for")
	scope := fs.String("scope", "read", "read, write or admin; never more than the user may")
	expires := fs.String("expires", "90d", "how long it lasts, such as 12h or 90d")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	lasts, err := parseDuration(*expires)
	if err != nil {
		return err
	}
	return withAuth(ctx, *dir, func(st *store.Store, a *auth.Auth) error {
		u, err := st.UserByEmail(ctx, *email)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no user %q", *email)
		}
		if err != nil {
			return err
		}
		plain, _, err := a.CreateAPIToken(ctx, operator, u.ID, *name, access.Scope(*scope), time.Now().Add(lasts))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, plain)
		return err
	})
}

// parseDuration reads 90d as well as what time.ParseDuration reads.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, bad := strconv.Atoi(days)
		d, err = time.Duration(n)*24*time.Hour, bad
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no duration: use such as 12h or 90d", s)
	}
	return d, nil
}

// withAuth opens the store of a data folder for one command.
func withAuth(ctx context.Context, dir string, do func(*store.Store, *auth.Auth) error) error {
	keys, err := masterKey(dir)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, store.Options{Dir: dir, Now: time.Now, AuditKey: keys.Derive("audit-mac"),
		AuditKeysBefore: keys.DeriveOthers("audit-mac"), Shared: true})
	if err != nil {
		return err
	}
	if err := workspace.CheckKey(ctx, st, keys); err != nil { // audit rows under another key would break the chain (P31)
		return errors.Join(err, st.Close())
	}
	return errors.Join(do(st, auth.New(auth.Options{Store: st, Now: time.Now})), st.Close())
}

// masterKey reads the key of a data folder. It makes none.
func masterKey(dir string) (*secret.Ring, error) {
	text, file := env("PATCHBAY_MASTER_KEY"), env("PATCHBAY_MASTER_KEY_FILE")
	if text == "" && file == "" {
		if _, err := os.Stat(filepath.Join(dir, "root.key")); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s holds no master key: start patchbay serve there first, or give the key as it was given to serve", dir)
		}
	}
	keys, _, err := secret.LoadRing(dir, text, file)
	return keys, err
}
