package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"patchbay/auth"
	"patchbay/store"
)

// admin lets an operator in whom nobody else can: it prints a one-time link, beside a running server too.
func admin(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "reset" {
		return errors.New("usage: patchbay admin reset [--email EMAIL] [--base-url URL]")
	}
	fs := flag.NewFlagSet("patchbay admin reset", flag.ContinueOnError)
	fs.SetOutput(out)
	dir := dataDir(fs)
	email := fs.String("email", "", "address of the Admin (default: the only Admin who signs in with a password)")
	base := fs.String("base-url", os.Getenv("PATCHBAY_BASE_URL"), "public URL that the link starts with (PATCHBAY_BASE_URL)")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("admin reset does not take %q", fs.Arg(0))
	}
	if *base == "" {
		*base = "http://127.0.0.1:8080"
	}
	return withAuth(ctx, *dir, func(_ *store.Store, a *auth.Auth) error {
		r, err := a.Rescue(ctx, operator, *email)
		var several *auth.AdminsError
		switch {
		case errors.As(err, &several):
			return fmt.Errorf("there are several Admins: say which with --email, one of %s", strings.Join(several.Emails, ", "))
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no account %s", *email)
		case err != nil:
			return err
		}
		return printRescue(out, strings.TrimSuffix(*base, "/"), r)
	})
}

// printRescue prints the link this once.
func printRescue(out io.Writer, base string, r auth.Rescue) error {
	until := r.Expires.UTC().Format("2006-01-02 15:04 UTC")
	if r.Admin.ID == "" {
		_, err := fmt.Fprintf(out, "No Admin signs in with a password. Open this link once, until %s, to make one:\n\n  %s/setup?token=%s\n", until, base, r.Token)
		return err
	}
	_, err := fmt.Fprintf(out, "The password of %s no longer works, two-step sign-in is off, and sessions have ended.\nOpen this link once, until %s, to set another password:\n\n  %s/invite/%s\n",
		r.Admin.Email, until, base, r.Token)
	return err
}
