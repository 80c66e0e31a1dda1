package verify

import "time"

// CacheLen is the number of tokens that a verifier remembers.
func CacheLen(v *Verifier) int {
	if v.cache == nil {
		return 0
	}
	return v.cache.len()
}

// HeaderSeen reports whether a header is remembered by its encoded text.
func HeaderSeen(encoded string) bool {
	_, ok := headersSeen.get(encoded)
	return ok
}

// HeadersSeen is the number of headers that are remembered.
func HeadersSeen() int { return len(*headersSeen.list.Load()) }

// WithWall sets the wall clock of a feed's reader.
func WithWall(wall func() time.Time) RemoteOption {
	return func(r *remote) { r.wall = wall }
}
