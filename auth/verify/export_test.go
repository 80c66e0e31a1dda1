package verify

// CacheLen is the number of tokens that a verifier remembers.
func CacheLen(v *Verifier) int {
	if v.cache == nil {
		return 0
	}
	return v.cache.len()
}
