package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/connectors"
)

// An instance is one engine on one file, with one connection, for one statement.
type instance struct {
	db       engine.Database
	conn     engine.Connection
	file     *os.File // the very file, held open until the engine is closed
	temp     string   // the folder that large sorts and joins spill to
	release  func()
	answers  []*rows       // what was made on the connection, freed before it
	ready    bool          // conn may be interrupted
	deserted chan struct{} // of a call that did not hear the interrupt: closed when it returns at last
}

// A budget is what an instance may use. Beyond the memory it spills to disk, beyond that the statement fails.
type budget struct {
	memory  string
	threads int
}

// The budgets. A catalog is read a table at a time by one thread; what memory is left to the engine beyond what it loads of the
// file it would only fill with blocks that nobody reads again.
var (
	statementBudget = budget{memory: "1GiB", threads: min(runtime.NumCPU(), 4)}
	catalogBudget   = budget{memory: "128MiB", threads: 1}
)

const spillLimit = "4GiB"

// newInstance opens the file at path, for writing where write says so, and locks the engine.
func newInstance(ctx context.Context, path string, write bool, may budget) (*instance, error) {
	in, err := hold(ctx, path, write)
	if err != nil {
		return nil, err
	}
	var opened error
	if err := in.wait(ctx, func() { opened = in.start(path, write, may) }); err != nil {
		opened = err
	}
	if opened != nil {
		in.close()
		return nil, opened
	}
	in.ready = true
	return in, nil
}

// hold makes sure that path is a DuckDB file that nobody is writing, and keeps it so. The order matters: a file that is closed
// takes the process's locks on it along, so it is opened only when no instance of ours is writing it.
func hold(ctx context.Context, path string, write bool) (*instance, error) {
	found, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("look at the file: %w", err)
	}
	if !found.Mode().IsRegular() {
		return nil, refused("it is no plain file")
	}
	in := &instance{}
	if in.release, err = files.acquire(ctx, found, write); err != nil {
		return nil, err
	}
	if err := in.openFile(path, found, write); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

// openFile opens the file and checks that it is the one that was found (P7).
func (in *instance) openFile(path string, found os.FileInfo, write bool) (err error) {
	if in.file, err = os.Open(path); err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	opened, err := in.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the open file: %w", err)
	}
	if !os.SameFile(found, opened) {
		return refused("it changed while it was being opened")
	}
	if err := checkMagic(in.file); err != nil {
		return err
	}
	if !write && holdForReading(in.file) != nil {
		return written()
	}
	return nil
}

// checkMagic reads the four letters behind the first block's checksum (duckdb.org/docs/stable/internals/storage).
func checkMagic(f *os.File) error {
	var head [12]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[8:]) != "DUCK" {
		return &connectors.Error{Cause: connectors.CauseUnsupported, Op: "open the file", Message: "it is no DuckDB database"}
	}
	return nil
}

func written() error {
	return &connectors.Error{
		Cause: connectors.CauseLimit, Op: "open the file", Message: "another program has the file open for writing",
		Hint: "Close it there, or wait until it is done",
	}
}

func refused(why string) error {
	return &connectors.Error{Cause: connectors.CauseRefusedPolicy, Op: "open the file", Message: why}
}

// start opens the engine. What it reads from the file while it opens is read with its ways out closed already; the settings
// that can only be made by a statement follow, and last the lock on all of them.
func (in *instance) start(path string, write bool, may budget) error {
	var err error
	if in.temp, err = os.MkdirTemp("", "patchbay-duckdb-"); err != nil {
		return fmt.Errorf("make a folder to spill to: %w", err)
	}
	if err := in.openEngine(path, in.settings(write, may)); err != nil {
		return err
	}
	if now, err := os.Lstat(path); err != nil || !in.is(now) {
		return refused("it changed while it was being opened")
	}
	if engine.Connect(in.db, &in.conn) == engine.StateError {
		return errors.New("connect to the engine")
	}
	for _, sql := range []string{"SET GLOBAL TimeZone = 'UTC'", "SET GLOBAL errors_as_json = true", "SET GLOBAL lock_configuration = true"} {
		var answer engine.Result
		state := engine.Query(in.conn, sql, &answer)
		message := engine.ResultError(&answer)
		engine.DestroyResult(&answer)
		if state == engine.StateError {
			return &queryError{message: message}
		}
	}
	return nil
}

// is says whether info is the file that is held.
func (in *instance) is(info os.FileInfo) bool {
	held, err := in.file.Stat()
	return err == nil && os.SameFile(held, info)
}

type setting struct{ name, value string }

// settings are in the order in which DuckDB takes them: the temporary folder before the files are closed. Paths that a person
// can ask for say nothing about this machine.
func (in *instance) settings(write bool, may budget) []setting {
	mode := "READ_ONLY"
	if write {
		mode = "READ_WRITE"
	}
	return []setting{
		{"access_mode", mode},
		{"memory_limit", may.memory},
		{"threads", strconv.Itoa(may.threads)},
		{"temp_directory", in.temp},
		{"max_temp_directory_size", spillLimit},
		{"home_directory", "/nonexistent"},
		{"extension_directory", "/nonexistent"},
		{"secret_directory", "/nonexistent"},
		{"allow_unsigned_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"enable_external_access", "false"},
	}
}

func (in *instance) openEngine(path string, settings []setting) error {
	var config engine.Config
	if engine.CreateConfig(&config) == engine.StateError {
		return errors.New("make the engine's configuration")
	}
	defer engine.DestroyConfig(&config)
	for _, s := range settings {
		if engine.SetConfig(config, s.name, s.value) == engine.StateError {
			return fmt.Errorf("set %s: the engine refused it", s.name)
		}
	}
	var message string
	if engine.OpenExt(path, &in.db, config, &message) == engine.StateError {
		return &openError{queryError{message: message}}
	}
	return nil
}

// close shuts the engine down and lets go of the file. A deaf engine is shut down when its last call returns.
func (in *instance) close() {
	if in.deserted == nil {
		in.free()
		return
	}
	go func() {
		<-in.deserted
		in.free()
	}()
}

func (in *instance) free() {
	for _, answer := range in.answers {
		answer.drop()
	}
	engine.Disconnect(&in.conn)
	engine.Close(&in.db)
	if in.file != nil {
		in.file.Close()
	}
	if in.temp != "" {
		os.RemoveAll(in.temp)
	}
	in.release()
}

// patience is how long an engine may take to hear an interrupt before it is left to itself.
const patience = time.Second

// wait runs a call into the engine until it returns or ctx ends. It interrupts the engine then, again and again, since an
// interrupt is forgotten where a statement is just about to begin. When wait gives the context's error the call may still be
// running: nothing that it was given may be used or freed, and close is all that may be called.
func (in *instance) wait(ctx context.Context, call func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if in.ready {
			engine.Interrupt(in.conn)
		}
		select {
		case <-done:
			return ctx.Err()
		case <-tick.C:
		}
	}
	in.deserted = done
	return ctx.Err()
}
