// Package osfile holds what operating systems do differently with files: locks, owners,
// modes, and folders that are written to the disk.
package osfile

import "errors"

// ErrLocked is returned if another process holds a lock that the caller does not wait for.
var ErrLocked = errors.New("locked by another process")
