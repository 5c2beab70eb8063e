package connectors

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// errFileRefused is the answer to every name that is not simply a file in the folder: which of the reasons it was would tell
// what lies outside (PROMISES P7).
var errFileRefused = &Error{Cause: CauseRefusedPolicy, Op: "open the file", Message: "only files in the folder for database files can be opened",
	Hint: "Enter the name of a file in the folder for database files, as it is below that folder"}

// CheckFileName is the check of a database file's name: one that could be below the folder. What it leads to is decided when the
// file is opened.
func CheckFileName(name string) error {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00") {
		return Words("Enter the name of a file in the folder for database files, without a path that leads out of it")
	}
	return nil
}

// openFile resolves the name of a database file to a path below dir, with a fact about it. It refuses every way out of dir, what
// is no plain file, and the forbidden files, by whatever name they are reached.
func openFile(dir string, forbidden []string, name string) (path, detail string, err error) {
	if dir == "" {
		return "", "", &Error{Cause: CauseUnsupported, Op: "open the file", Message: "no folder for database files is set up"}
	}
	if CheckFileName(name) != nil {
		return "", "", errFileRefused
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", "", &Error{Cause: CauseNotFound, Op: "open the file", Message: "the folder for database files does not exist"}
	}
	path, info, err := below(root, name)
	if err != nil {
		return "", "", err
	}
	for _, f := range forbidden {
		if is, err := isOrHolds(f, path, info); is || err != nil {
			return "", "", errFileRefused
		}
	}
	return path, fmt.Sprintf("%s, %s", filepath.Base(name), size(info.Size())), nil
}

// below follows links from root and refuses to leave it.
func below(root, name string) (string, fs.FileInfo, error) {
	joined := filepath.Join(root, name)
	path, err := filepath.EvalSymlinks(joined)
	if err != nil {
		if _, missing := os.Lstat(joined); missing != nil && os.IsNotExist(missing) {
			return "", nil, &Error{Cause: CauseNotFound, Op: "open the file", Message: "there is no file of this name in the folder for database files",
				Hint: "Check the name, or put the file there"}
		}
		return "", nil, errFileRefused
	}
	if in, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(in) {
		return "", nil, errFileRefused
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", nil, errFileRefused
	}
	return path, info, nil
}

// isOrHolds says whether path is the forbidden file, a link to it, or lies in the forbidden folder.
func isOrHolds(forbidden, path string, info fs.FileInfo) (bool, error) {
	found, err := os.Stat(forbidden)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil || !found.IsDir() {
		return os.SameFile(found, info), err
	}
	folder, err := filepath.EvalSymlinks(forbidden)
	if err != nil {
		return false, err
	}
	if in, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(in) {
		return true, nil
	}
	if links(info) == 1 {
		return false, nil // it is nowhere else
	}
	same := false
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || same {
			return err
		}
		other, err := entry.Info()
		same = err == nil && os.SameFile(other, info)
		return nil // a result that was swept meanwhile is not this file
	})
	return same, err
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	value, unit := float64(n), 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
