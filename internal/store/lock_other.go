//go:build !unix

package store

import "os"

// lockFile has no lock to take here: that one process serves the file is up to
// whoever starts it.
func lockFile(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }
