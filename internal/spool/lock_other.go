//go:build !unix

package spool

import "os"

// lock has no lock to take here: a directory is for one process.
func lock(*os.File) (bool, error) { return true, nil }
