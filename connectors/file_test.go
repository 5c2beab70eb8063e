package connectors

import (
	"os"
	"path/filepath"
	"testing"
)

// The store's own files cannot be opened by any name, and nothing outside the folder can (PROMISES P7).
func TestOpenFile(t *testing.T) {
	base := t.TempDir()
	files, data := filepath.Join(base, "files"), filepath.Join(base, "data")
	results := filepath.Join(data, "results")
	for _, dir := range []string{filepath.Join(files, "sub"), results, filepath.Join(files, "inner")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	store, key, result, inner := filepath.Join(data, "patchbay.db"), filepath.Join(data, "root.key"), filepath.Join(results, "r1"), filepath.Join(files, "inner", "backup.db")
	for _, f := range []string{filepath.Join(files, "sales.db"), filepath.Join(files, "sub", "two.db"), store, key, result, inner, filepath.Join(base, "other.db")} {
		if err := os.WriteFile(f, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(make func(string, string) error, from, to string) {
		if err := make(from, filepath.Join(files, to)); err != nil {
			t.Fatal(err)
		}
	}
	link(os.Symlink, filepath.Join(files, "sales.db"), "alias.db")
	link(os.Symlink, store, "store-link.db")
	link(os.Link, store, "store-hard.db")
	link(os.Link, key, "key-hard.db")
	link(os.Link, result, "result-hard.db")
	link(os.Symlink, data, "folder")
	link(os.Symlink, filepath.Join(base, "other.db"), "out.db")
	link(os.Symlink, "/proc/self/fd/0", "fd.db")
	link(os.Symlink, filepath.Join(files, "gone.db"), "dangling.db")
	link(os.Link, filepath.Join(files, "sales.db"), "twice.db")
	forbidden := []string{store, store + "-wal", key, results, filepath.Join(files, "inner")}

	for name, want := range map[string]Cause{
		"sales.db": "", "sub/two.db": "", "alias.db": "", "./sales.db": "", "sub/../sales.db": "", "twice.db": "",
		"nothing.db": CauseNotFound, "sub/nothing.db": CauseNotFound,
		"": CauseRefusedPolicy, "../other.db": CauseRefusedPolicy, "sub/../../other.db": CauseRefusedPolicy, store: CauseRefusedPolicy,
		"store-link.db": CauseRefusedPolicy, "store-hard.db": CauseRefusedPolicy, "key-hard.db": CauseRefusedPolicy, "result-hard.db": CauseRefusedPolicy,
		"folder/patchbay.db": CauseRefusedPolicy, "folder/results/r1": CauseRefusedPolicy, "out.db": CauseRefusedPolicy, "fd.db": CauseRefusedPolicy,
		"dangling.db": CauseRefusedPolicy, "sub": CauseRefusedPolicy, ".": CauseRefusedPolicy, "inner/backup.db": CauseRefusedPolicy,
		"/proc/self/fd/0": CauseRefusedPolicy, `..\other.db`: CauseRefusedPolicy, "sales.db\x00.txt": CauseRefusedPolicy,
	} {
		path, detail, err := openFile(files, forbidden, name)
		switch {
		case want == "" && (err != nil || path == "" || detail == ""):
			t.Errorf("%q: %q, %q, %v", name, path, detail, err)
		case want != "" && (path != "" || CauseOf(err) != want):
			t.Errorf("%q: %q, %v, want %s", name, path, err, want)
		case want == CauseRefusedPolicy && err != error(errFileRefused):
			t.Errorf("%q: %v tells more than that it is refused", name, err)
		}
	}
	if _, _, err := openFile("", nil, "sales.db"); CauseOf(err) != CauseUnsupported {
		t.Errorf("no folder: %v", err)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1500: "1.5 kB", 2_000_000: "2.0 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestCheckFileName(t *testing.T) {
	for _, name := range []string{"/etc/passwd", "../x.db", "a/../../x", "..", `..\x`, "a\x00b", ""} {
		if CheckFileName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"a.db", "team/a.db", "a b.db", "ä.sqlite"} {
		if err := CheckFileName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
