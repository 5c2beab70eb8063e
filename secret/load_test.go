package secret

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestFirstStartMakesAKeyOfItsOwn(t *testing.T) {
	old := syscall.Umask(0) // the worst case for P32; no test of this package runs in parallel with this one
	defer syscall.Umask(old)
	a, b := t.TempDir(), t.TempDir()
	one, created, err := LoadRing(a, "", "")
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	other, _, err := LoadRing(b, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if one.MarshalFile() == other.MarshalFile() {
		t.Error("two data folders share a key (P1)")
	}
	again, created, err := LoadRing(a, "", "")
	if err != nil || created || again.MarshalFile() != one.MarshalFile() {
		t.Errorf("the second start should find the key of the first: created %v, %v", created, err)
	}
	files, err := os.ReadDir(a)
	if err != nil || len(files) != 1 {
		t.Fatalf("only the key should be left behind: %v, %v", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Name() != "root.key" || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v", info.Name(), info.Mode(), err)
	}
}

// The operator's file comes before the environment, and both before the generated key.
func TestKeySourcesInOrder(t *testing.T) {
	dir := t.TempDir()
	inFile, inEnv := NewRing(), NewRing()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(inFile.MarshalFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	generated, _, err := LoadRing(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env, file string
		want      *Ring
	}{{inEnv.MarshalFile(), file, inFile}, {"", file, inFile}, {inEnv.MarshalFile(), "", inEnv}, {"", "", generated}} {
		got, created, err := LoadRing(dir, c.env, c.file)
		if err != nil || created || got.MarshalFile() != c.want.MarshalFile() {
			t.Errorf("env %v, file %v: another ring, created %v, %v", c.env != "", c.file != "", created, err)
		}
	}
}

// A key that was meant to be there is never replaced by a fresh one.
func TestABadSourceMakesNoKey(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(broken, []byte("1:short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ env, file string }{
		"missing file": {"", filepath.Join(t.TempDir(), "nothing")},
		"broken file":  {NewRing().MarshalFile(), broken},
		"bad env":      {"changeme", ""},
	} {
		dir := t.TempDir()
		if _, created, err := LoadRing(dir, c.env, c.file); err == nil || created {
			t.Errorf("%s: created %v, %v", name, created, err)
		}
		if files, _ := os.ReadDir(dir); len(files) != 0 {
			t.Errorf("%s: a key was made", name)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadRing(dir, "", ""); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("an empty root.key should be refused by name: %v", err)
	}
}

func TestStartsAtTheSameMomentShareOneKey(t *testing.T) {
	dir := t.TempDir()
	rings := make([]string, 16)
	var made sync.WaitGroup
	for i := range rings {
		made.Go(func() {
			r, _, err := LoadRing(dir, "", "")
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r.MarshalFile()
		})
	}
	made.Wait()
	for _, r := range rings {
		if r != rings[0] {
			t.Fatal("two starts have two keys: what one seals the other cannot open")
		}
	}
}

func TestReadableByOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if got := ReadableByOthers(file); got != want {
			t.Errorf("mode %o: %v, want %v", mode, got, want)
		}
		_ = os.Chmod(file, 0o600)
	}
}
