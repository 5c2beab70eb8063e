// Patchbay is one binary where a company connects its databases once and everyone works with them under control. This file
// has the wiring: settings in, parts made and joined, start, graceful stop.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"patchbay/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !isHelp(err) {
		fmt.Fprintln(os.Stderr, "patchbay:", err)
		os.Exit(1)
	}
}

// run is the command: serve, or one of cli's.
func run(args []string) error {
	if len(args) > 0 && args[0] != "serve" && !strings.HasPrefix(args[0], "-") {
		return cli.Run(context.Background(), args, version(), os.Stdout, os.Stderr)
	}
	if len(args) > 0 && args[0] == "serve" {
		args = args[1:]
	} else if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
		cli.Usage(os.Stdout)
		return nil
	}
	c, err := configure(args, lookupEnv, os.Stderr)
	if err != nil {
		return err
	}
	return serve(c)
}

// serve runs until SIGTERM or SIGINT; a second signal ends it at once.
func serve(c configuration) error {
	syscall.Umask(0o077) // what we make is ours alone (P32)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log, err := newLogger(c.LogLevel)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Addr, err)
	}
	p, err := assemble(ctx, c, log, listener.Addr())
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer p.close()
	srv := &http.Server{Handler: p.server.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 120 * time.Second,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	p.greet(os.Stdout)
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop()
	return p.shutdown(srv)
}

// newLogger writes JSON lines, which escape what people typed (P53).
func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("%s is %q: use debug, info, warn or error", env("log-level"), level)
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}

// version is the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

// filesDir is where the files of embedded products lie.
func (c configuration) filesDir() string {
	if c.FilesDir != "" {
		return c.FilesDir
	}
	return filepath.Join(c.DataDir, "files")
}
