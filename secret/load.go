package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keyFile is the generated ring in the data folder.
const keyFile = "root.key"

// LoadRing finds the root keys: in the file that the operator names, else in the text from the environment, else in root.key in
// the data folder, which it makes with a fresh key, readable by its owner alone, where there is none (created). It never makes
// a key while file or env says that there is one.
func LoadRing(dataDir, env, file string) (r *Ring, created bool, err error) {
	switch {
	case file != "":
		r, err = readRing(file)
		return r, false, err
	case env != "":
		r, err = ParseRing(env)
		return r, false, err
	}
	path := filepath.Join(dataDir, keyFile)
	r, err = readRing(path)
	if errors.Is(err, fs.ErrNotExist) {
		created, err = writeRing(path, NewRing())
		if err == nil {
			r, err = readRing(path)
		}
	}
	return r, created, err
}

// ReadableByOthers says whether users other than the file's owner may read it, which the operator should be warned of (P32).
func ReadableByOthers(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().Perm()&0o044 != 0
}

func readRing(path string) (*Ring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	r, err := ParseRing(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// writeRing puts r at path whole or not at all, and never over a key that is there already: the file is linked into place once
// it is on the disk, so neither a crash nor a second start at the same moment loses a key that has sealed something.
func writeRing(path string, r *Ring) (written bool, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), keyFile+".*") // mode 0600, whatever the umask
	if err != nil {
		return false, fmt.Errorf("make master key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	if _, err = tmp.WriteString(r.MarshalFile()); err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return false, fmt.Errorf("write master key: %w", err)
	}
	err = os.Link(tmp.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return false, nil // another start was quicker: its key is the key
	}
	if err != nil {
		return false, fmt.Errorf("put master key in place: %w", err)
	}
	return true, syncDir(filepath.Dir(path))
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync data folder: %w", err)
	}
	return nil
}
