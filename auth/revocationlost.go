package auth

import (
	"iter"
	"time"

	"github.com/google/uuid"
)

// mostLost is the number of lost revocations that are written back at once. The
// others follow with the next full read.
const mostLost = 10_000

// absentees finds the revocations of a list that a full read of the database does
// not contain. It holds one page at a time.
type absentees struct {
	next func() (revoked, bool)
	stop func()
	here revoked
	more bool

	seen map[uuid.UUID]struct{} // of this page, and of the last moment before it
	lost []Revocation
}

// newAbsentees considers the revocations of the list since a time. The caller
// passes every page to page, in order, and then calls all.
func newAbsentees(list revocationList, since time.Time) *absentees {
	a := &absentees{seen: map[uuid.UUID]struct{}{}}
	a.next, a.stop = iter.Pull(list.from(since.UnixMicro()))
	a.here, a.more = a.next()
	return a
}

// page compares one page of the database. What the list has up to the moment at
// which the page ends must be on this page or on the one before.
func (a *absentees) page(page []Revocation, last bool) {
	var end int64
	if !last {
		end = page[len(page)-1].RevokedAt.UnixMicro()
	}
	for _, x := range page {
		a.seen[x.SessionID] = struct{}{}
	}
	for a.more && (last || a.here.at < end) {
		if _, ok := a.seen[a.here.id]; !ok && len(a.lost) < mostLost {
			a.lost = append(a.lost, a.here.revocation())
		}
		a.here, a.more = a.next()
	}
	clear(a.seen)
	for i := len(page) - 1; i >= 0 && page[i].RevokedAt.UnixMicro() == end; i-- {
		a.seen[page[i].SessionID] = struct{}{}
	}
}

// all returns the revocations that no page contained.
func (a *absentees) all() []Revocation {
	a.stop()
	return a.lost
}
