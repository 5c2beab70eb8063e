package duckdb

import (
	"context"
	"os"
	"sync"
)

// files says who has which file open in this process. DuckDB keeps programs apart by the system's file locks, which do not
// keep two instances of one process apart: they would write over each other.
var files fileLocks

// fileLocks lets many read a file or one write it. The zero value is ready.
type fileLocks struct {
	mu   sync.Mutex
	open []*fileLock
}

type fileLock struct {
	file    os.FileInfo
	readers int
	writing bool
	freed   chan struct{} // closed and replaced whenever somebody lets go
}

// acquire waits until the file may be read, or written alone, and gives the function that lets go of it.
func (l *fileLocks) acquire(ctx context.Context, file os.FileInfo, write bool) (release func(), err error) {
	for {
		held, freed := l.try(file, write)
		if held != nil {
			return func() { l.release(held) }, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *fileLocks) try(file os.FileInfo, write bool) (held *fileLock, freed chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock := l.find(file)
	if lock.writing || write && lock.readers > 0 {
		return nil, lock.freed
	}
	if write {
		lock.writing = true
	} else {
		lock.readers++
	}
	return lock, nil
}

func (l *fileLocks) find(file os.FileInfo) *fileLock {
	for _, lock := range l.open {
		if os.SameFile(lock.file, file) {
			return lock
		}
	}
	lock := &fileLock{file: file, freed: make(chan struct{})}
	l.open = append(l.open, lock)
	return lock
}

func (l *fileLocks) release(held *fileLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held.writing {
		held.writing = false
	} else {
		held.readers--
	}
	close(held.freed)
	held.freed = make(chan struct{})
	if held.readers > 0 {
		return
	}
	kept := l.open[:0]
	for _, lock := range l.open {
		if lock != held {
			kept = append(kept, lock)
		}
	}
	l.open = kept
}
