//go:build unix

package spool

import (
	"errors"
	"os"
	"syscall"
)

// lock makes this process the owner of a segment; false if another one is. The
// kernel drops the lock with the process, however that ends.
func lock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
