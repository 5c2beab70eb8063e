package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"patchbay/access"
	"patchbay/store"
)

// Files are for their owner alone, whatever the process's umask lets through (P32). Not beside other tests: the umask is
// everyone's.
func TestFilesAreOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	before := syscall.Umask(0)
	s := open(t, dir, newClock())
	err := s.Audit(ctx, act)
	syscall.Umask(before)
	check(t, err)
	for name, mode := range map[string]os.FileMode{"": 0o700, "patchbay.db": 0o600, "patchbay.db-wal": 0o600, "patchbay.db-shm": 0o600, "patchbay.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", info.Name(), info.Mode().Perm(), mode)
		}
	}
}

// Each connection of either pool has what the promises rest on.
func TestConnectionsAreSetUp(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), newClock())
	for pragma, value := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "5000",
		"wal_autocheckpoint": "4000", "journal_size_limit": "8388608", "recursive_triggers": "1", "page_size": "1024"} {
		writer, err := s.Column(ctx, "pragma "+pragma)
		check(t, err)
		reader, err := s.ReadColumn(ctx, "pragma "+pragma)
		check(t, err)
		if writer[0] != value || reader[0] != value {
			t.Errorf("%s is %s for the writer and %s for readers, want %s", pragma, writer[0], reader[0], value)
		}
	}
	if _, err := s.ReadColumn(ctx, `insert into setting(key, value) values('a', 'b') returning key`); err == nil {
		t.Error("a reader wrote")
	}
}

// A second server on one folder is refused and told who holds it; a command beside it is not (P85).
func TestOneServerPerFolder(t *testing.T) {
	t.Parallel()
	dir, c := t.TempDir(), newClock()
	first := open(t, dir, c)
	_, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("the second open says %v", err)
	}
	beside, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now, AuditKey: []byte("audit key"), Shared: true})
	check(t, err)
	check(t, beside.Audit(ctx, act))
	check(t, beside.Close())
	check(t, first.Ping(ctx))
	check(t, first.Close())
	open(t, dir, c)
}

// What was answered is kept when the process is killed, with its audit row, and the folder is free again (P60, P52, P85).
func TestKilledServer(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_WRITE_IN"); dir != "" {
		writeUntilKilled(t, dir)
	}
	t.Parallel()
	dir, c := t.TempDir(), newClock()
	child := exec.Command(os.Args[0], "-test.run", "^TestKilledServer$")
	child.Env = append(os.Environ(), "STORE_TEST_WRITE_IN="+dir)
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	answered, refused := 0, error(nil)
	for lines := bufio.NewScanner(out); lines.Scan(); answered++ {
		if answered == 30 {
			_, refused = store.Open(ctx, store.Options{Dir: dir, Now: c.Now})
			check(t, child.Process.Kill())
		}
	}
	_ = child.Wait() // it says that it was killed
	if refused == nil || !strings.Contains(refused.Error(), fmt.Sprintf("process %d", child.Process.Pid)) {
		t.Errorf("while it ran, a second open says %v", refused)
	}
	s := open(t, dir, c)
	users, err := s.Users(ctx)
	check(t, err)
	rows, _, err := s.VerifyAudit(ctx)
	check(t, err)
	if answered < 30 || len(users) < answered || len(users) > answered+1 || int64(len(users)) != rows {
		t.Errorf("%d writes were answered; kept are %d users and %d audit rows", answered, len(users), rows)
	}
}

func writeUntilKilled(t *testing.T, dir string) {
	s := open(t, dir, newClock())
	for i := 0; ; i++ {
		id := fmt.Sprint(i)
		check(t, s.Update(ctx, act, func(tx *store.Tx) error {
			return tx.CreateUser(store.User{ID: id, Email: id, Name: id, Role: access.RoleViewer})
		}))
		if _, err := fmt.Println(id); err != nil {
			t.Fatal(errors.Join(errors.New("nobody listens"), err))
		}
	}
}
