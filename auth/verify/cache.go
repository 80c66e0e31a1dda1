package verify

import (
	"crypto/sha256"
	"sync"
	"time"
)

// digest is the key of a token in the cache: its SHA-256. Two tokens cannot be
// made to share an entry, and no valid token stays in memory or in a heap dump. A
// second spelling of the same token (the ECDSA signature r, n−s) has its own
// entry, which is harmless because it was verified separately.
type digest = [sha256.Size]byte

// digestOf copies the usual token to the stack: the conversion of a string to
// bytes would allocate, which costs a third as much as the hash.
func digestOf(token string) digest {
	var buffer [1024]byte
	if len(token) <= len(buffer) {
		return sha256.Sum256(buffer[:copy(buffer[:], token)])
	}
	return sha256.Sum256([]byte(token))
}

// cached is a verified token. It is never changed once it is in the cache.
type cached struct {
	claims    *Claims
	key       func() Key // see staticKeys for why a function
	notBefore time.Time
}

const (
	cacheShards = 16 // a power of two; spreads the locks
	evictSample = 8
)

// cache is a bounded map of verified tokens. It does not know whether they are
// still valid: the caller checks time, key and revocation again.
type cache struct {
	shards [cacheShards]shard
	limit  int // entries for each shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[digest]*cached
}

func newCache(size int) *cache {
	c := &cache{limit: (size + cacheShards - 1) / cacheShards}
	for i := range c.shards {
		c.shards[i].entries = make(map[digest]*cached)
	}
	return c
}

func (c *cache) shard(sum digest) *shard { return &c.shards[sum[0]%cacheShards] }

func (c *cache) get(sum digest) *cached {
	s := c.shard(sum)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[sum]
}

// put adds an entry. A full shard first evicts one: of a few entries that Go's map
// order picks at random, the one that expires first. Only tokens with a valid
// signature are added, so forged tokens evict nothing.
func (c *cache) put(sum digest, entry *cached) {
	s := c.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.entries[sum]; !ok && len(s.entries) >= c.limit {
		s.evict()
	}
	s.entries[sum] = entry
}

func (s *shard) evict() {
	var victim digest
	var first time.Time
	seen := 0
	for sum, entry := range s.entries {
		if seen == 0 || entry.claims.ExpiresAt.Before(first) {
			victim, first = sum, entry.claims.ExpiresAt
		}
		if seen++; seen == evictSample {
			break
		}
	}
	delete(s.entries, victim)
}

func (c *cache) remove(sum digest) {
	s := c.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, sum)
}

func (c *cache) len() int {
	total := 0
	for i := range c.shards {
		c.shards[i].mu.RLock()
		total += len(c.shards[i].entries)
		c.shards[i].mu.RUnlock()
	}
	return total
}
