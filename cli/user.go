package cli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/store"
	"patchbay/workspace"
)

// user makes an account whose password is read from standard input, so that it shows in no list of processes.
func user(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "create" {
		return errors.New("usage: patchbay user create --email EMAIL --name NAME --role admin|manager|editor|explorer|viewer|guest < PASSWORD")
	}
	fs := flag.NewFlagSet("patchbay user create", flag.ContinueOnError)
	fs.SetOutput(out)
	dir := dataDir(fs)
	email := fs.String("email", "", "e-mail address")
	name := fs.String("name", "", "full name")
	role := fs.String("role", string(access.RoleViewer), "workspace role")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password from standard input: %w", err)
	}
	return withAuth(ctx, *dir, func(st *store.Store, a *auth.Auth) error {
		hash, err := a.HashPassword(ctx, strings.TrimRight(password, "\r\n"))
		if err != nil {
			return err
		}
		w := workspace.Workspace{Store: st, Now: time.Now}
		u, err := w.CreateUser(ctx, operator, workspace.UserInput{Email: *email, Name: *name, Role: access.Role(*role), PasswordHash: hash})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "made %s (%s)\n", u.Email, u.Role)
		return err
	})
}

// env reads a secret from the environment and forgets it there.
func env(key string) string {
	v := os.Getenv(key)
	_ = os.Unsetenv(key)
	return v
}
