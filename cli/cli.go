// Package cli holds the commands of patchbay that are not serve. Each opens the store itself, beside a running server where
// there is one: SQLite's own locking keeps their transactions apart.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// A command is one word after patchbay.
type command struct {
	name, help string
	run        func(ctx context.Context, args []string, out io.Writer) error
}

func commands(version string) []command {
	return []command{
		{"audit", "audit verify: check that no row of the audit log was changed or removed", audit},
		{"admin", "admin reset: make a link with which an Admin gets in again", admin},
		{"token", "token create: make an API token and print it once", token},
		{"user", "user create: make an account", user},
		{"help", "show this", func(_ context.Context, _ []string, out io.Writer) error { Usage(out); return nil }},
		{"version", "print the version", func(_ context.Context, _ []string, out io.Writer) error {
			_, err := fmt.Fprintln(out, "patchbay", version)
			return err
		}},
	}
}

// Run runs the command that args name. Errors are for the person at the terminal.
func Run(ctx context.Context, args []string, version string, out, errs io.Writer) error {
	for _, c := range commands(version) {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], out)
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	Usage(errs)
	return fmt.Errorf("there is no command %q", args[0])
}

// Usage lists the commands.
func Usage(out io.Writer) {
	fmt.Fprint(out, "usage: patchbay [command]\n\n  serve     start the server (the default); serve --help lists every setting\n")
	for _, c := range commands("") {
		fmt.Fprintf(out, "  %-9s %s\n", c.name, c.help)
	}
}

// dataDir is the flag that every command takes.
func dataDir(fs *flag.FlagSet) *string {
	dir := os.Getenv("PATCHBAY_DATA_DIR")
	if dir == "" {
		dir = "./data"
	}
	return fs.String("data-dir", dir, "folder of the SQLite file and keys (PATCHBAY_DATA_DIR)")
}
