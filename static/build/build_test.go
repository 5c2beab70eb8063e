package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The committed bundle is what the sources make. Missing sources are installed first, so that this cannot pass without looking.
func TestCommittedBundleIsFresh(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Fatal(err)
	}
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, distDir), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(name, body string) {
		if err := os.WriteFile(filepath.Join(root, distDir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("same.css", "a")
	put("old.css", "a")
	put("left.css", "a")
	stale, err := compare(root, map[string][]byte{distDir + "/same.css": []byte("a"), distDir + "/old.css": []byte("b"), distDir + "/new.css": []byte("c")})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{distDir + "/left.css", distDir + "/new.css", distDir + "/old.css"}, " ")
	if got := strings.Join(stale, " "); got != want {
		t.Errorf("stale: %s, want %s", got, want)
	}
}

func TestWriteLeavesNothingOver(t *testing.T) {
	root := t.TempDir()
	first := map[string][]byte{distDir + "/a.css": []byte("a"), "e2e/testdata/x.js": []byte("x")}
	second := map[string][]byte{distDir + "/b.css": []byte("b"), "e2e/testdata/x.js": []byte("y")}
	for _, files := range []map[string][]byte{first, second} {
		if err := write(root, files); err != nil {
			t.Fatal(err)
		}
	}
	if stale, err := compare(root, second); err != nil || len(stale) > 0 {
		t.Errorf("after writing: stale %v, %v", stale, err)
	}
}

func TestMissingPictureIsNamed(t *testing.T) {
	var s sprite
	if err := s.addFile("nope", filepath.Join(t.TempDir(), "nope.svg")); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("error %v", err)
	}
}

// The lock names versions and checksums, and no host: packages come from whatever registry npm is set up for.
func TestLockNamesNoHost(t *testing.T) {
	lock, err := os.ReadFile("../src/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error(`package-lock.json holds "resolved" fields`)
	}
	if !strings.Contains(string(lock), `"integrity"`) {
		t.Error("package-lock.json holds no checksums")
	}
}
