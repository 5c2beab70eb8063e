package duckdb

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// holdForReading keeps other programs from writing the file while f is open. DuckDB's own lock belongs to the process and is
// lost as soon as any instance closes the file; this one belongs to f (fcntl(2), open file description locks).
func holdForReading(f *os.File) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart})
}
