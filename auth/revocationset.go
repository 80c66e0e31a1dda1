package auth

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"
)

// revoked is a Revocation in 32 bytes.
type revoked struct {
	id     uuid.UUID
	at     int64 // microseconds since 1970, as both databases keep them
	reason uint8 // its place among the reasons
}

func compact(x Revocation) revoked {
	return revoked{x.SessionID, x.RevokedAt.UnixMicro(), reasonPlace(x.Reason)}
}

func (x revoked) revocation() Revocation {
	return Revocation{SessionID: x.id, RevokedAt: time.UnixMicro(x.at).UTC(), Reason: reasons[x.reason]}
}

// chunkSize is how many revocations one chunk holds: a copy of one, which an
// insertion out of order costs, takes microseconds.
const chunkSize = 1024

// revocationSet holds revocations ordered by time, in about 50 bytes each: public
// incidents have ended half a million sessions at once. It is not safe for
// concurrent use, but the result of list is.
type revocationSet struct {
	index map[uuid.UUID]uint8 // to the place of the reason
	most  int                 // size of the index since it was made; maps do not shrink
	// chunks are sorted, and one another, too. None is empty. What is below the
	// length of a chunk is never written again, so that lists can share it.
	chunks [][]revoked
}

func newRevocationSet() revocationSet { return revocationSet{index: map[uuid.UUID]uint8{}} }

func (s *revocationSet) size() int { return len(s.index) }

func (s *revocationSet) has(id uuid.UUID) bool {
	_, ok := s.index[id]
	return ok
}

// reason returns why a session of the set ended; "" where it is not known.
func (s *revocationSet) reason(id uuid.UUID) Reason { return reasons[s.index[id]] }

// add reports whether x was not there.
func (s *revocationSet) add(x revoked) bool {
	if s.has(x.id) {
		return false
	}
	s.index[x.id] = x.reason
	s.most = max(s.most, len(s.index))
	// The last chunk that begins at or before x; its place is behind its equals.
	n := sort.Search(len(s.chunks), func(i int) bool { return s.chunks[i][0].at > x.at }) - 1
	if n < 0 {
		if len(s.chunks) == 0 {
			s.chunks = append(s.chunks, append(make([]revoked, 0, 8), x))
			return true
		}
		n = 0
	}
	chunk := s.chunks[n]
	at := sort.Search(len(chunk), func(i int) bool { return chunk[i].at > x.at })
	switch {
	case at == len(chunk) && at < chunkSize:
		s.chunks[n] = append(chunk, x) // behind what lists share
	case at == len(chunk) && n == len(s.chunks)-1:
		s.chunks = append(s.chunks, append(make([]revoked, 0, chunkSize), x))
	default:
		chunk = slices.Concat(chunk[:at], []revoked{x}, chunk[at:])
		if len(chunk) <= chunkSize {
			s.chunks[n] = chunk
			break
		}
		half := len(chunk) / 2
		s.chunks[n] = slices.Clone(chunk[half:])
		s.chunks = slices.Insert(s.chunks, n, slices.Clone(chunk[:half]))
	}
	return true
}

// forget removes the revocations before a time.
func (s *revocationSet) forget(before int64) {
	gone := 0
	for i, chunk := range s.chunks {
		dead := sort.Search(len(chunk), func(j int) bool { return chunk[j].at >= before })
		for _, x := range chunk[:dead] {
			delete(s.index, x.id)
		}
		if dead < len(chunk) {
			s.chunks[i] = chunk[dead:]
			break
		}
		gone++
	}
	s.chunks = slices.Delete(s.chunks, 0, gone)
	if s.most > 4*chunkSize && len(s.index) < s.most/4 {
		index := make(map[uuid.UUID]uint8, len(s.index))
		maps.Copy(index, s.index)
		s.index, s.most = index, len(index)
	}
}

// newest returns the time of the newest revocation at or before a time, or else
// that time.
func (s *revocationSet) newest(notAfter int64) int64 {
	for _, chunk := range slices.Backward(s.chunks) {
		if n := sort.Search(len(chunk), func(i int) bool { return chunk[i].at > notAfter }); n > 0 {
			return chunk[n-1].at
		}
	}
	return notAfter
}

// fromEnd returns the time of the n-th newest revocation, 1 being the newest; ok
// is false where there are fewer.
func (s *revocationSet) fromEnd(n int) (at int64, ok bool) {
	for _, chunk := range slices.Backward(s.chunks) {
		if n <= len(chunk) {
			return chunk[len(chunk)-n].at, true
		}
		n -= len(chunk)
	}
	return 0, false
}

// list returns the current revocations, oldest first. It copies no revocation.
func (s *revocationSet) list() revocationList { return slices.Clone(s.chunks) }

// revocationList is a snapshot of a set. It is safe for concurrent use while the
// set changes.
type revocationList [][]revoked

// from yields the revocations from a time on, oldest first.
func (l revocationList) from(since int64) iter.Seq[revoked] {
	return func(yield func(revoked) bool) {
		for _, chunk := range l {
			first, _ := slices.BinarySearchFunc(chunk, since, func(x revoked, at int64) int { return cmp.Or(cmp.Compare(x.at, at), 1) })
			for _, x := range chunk[first:] {
				if !yield(x) {
					return
				}
			}
		}
	}
}
