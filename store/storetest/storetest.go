// Package storetest is the contract suite of the stores: it tests what the interfaces
// auth.Store, users.Store and events.Store specify. Each store runs all cases, on the
// real migrations.
//
// Properties of one database, such as round trips and file modes, are tested in that
// store's package.
package storetest

import (
	"context"
	"testing"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/users"
)

// Store is what a store offers.
type Store interface {
	auth.Store
	users.Store
	users.PlatformStore
	events.WebhookStore
	Ping(ctx context.Context) error
	Writable(ctx context.Context) error
	SchemaCurrent(ctx context.Context) error
}

// Run holds a store against every promise. The function makes an empty,
// migrated database of its own for each call, and is called from tests that
// run in parallel.
func Run(t *testing.T, fresh func(t *testing.T) *Database) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, fresh(t))
		})
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, db *Database)
}{
	{"a migrated database answers, accepts writes and is current", healthy},
	{"a schema that is behind is told, one that is ahead is fine", schemaVersions},

	{"a first login creates the user", firstLogin},
	{"a login of a known identity finds its user", knownLogin},
	{"a disabled user gets no session", disabledLogin},
	{"a deleted user does not come back by an identity left behind", deletedLogin},
	{"first logins of one identity at the same moment create one user", racingFirstLogins},
	{"first logins of one unionid in two apps at the same moment create one user", racingUnion},
	{"a unionid that comes late links the identity", lateUnion},
	{"a unionid that another user has leaves the identity where it is", unionConflict},
	{"a unionid joins identities of one account only", accounts},
	{"first logins of one unionid in two accounts at the same moment create a user in each", racingAccounts},
	{"an app that moves to another account takes its identities along", movedAccount},
	{"an identity without a session key has none", withoutSessionKey},
	{"an identity is linked to one user, and given up but for the last", linking},
	{"an identity linked by many at the same moment has one user", racingLinks},
	{"of two identities given up at the same moment one stays", racingUnlinks},
	{"a merge moves identities and what is lacking, and ends the other's sessions", merging},
	{"merges while both refresh lose nothing, and refuse who is gone", mergingWhileBothRefresh},
	{"merges in both directions and a login at the same moment leave one user with all", racingMerges},
	{"a shared phone number joins those whom nothing speaks against", joiningByPhone},
	{"of many who join by one number at the same moment, one of each app does", racingJoins},
	{"a login takes over the session of its device, and no other", deviceTakeover},
	{"logins at the same moment leave one session to a device", racingDevice},
	{"the session longest unused goes when there are too many", surplus},
	{"no burst of logins leaves more sessions than allowed", racingSurplus},
	{"no burst through two apps leaves more sessions than allowed", racingSurplusOfTwoApps},
	{"without a limit every session stays", noLimit},

	{"every case of the rotation rule is applied to the row as the rule says", everyRotation},
	{"64 exchanges of one token at once have one successor", racingRotate},
	{"64 exchanges at once after a lost answer have one sibling", racingSibling},
	{"64 exchanges of a copy at once revoke the session once", racingReuse},
	{"exchanges of many sessions at once do not mix", manySessions},
	{"a session expires to the microsecond", expiryBoundary},
	{"a session ends at its greatest age", greatestAge},
	{"a session lives as long as its app says at each login and exchange", lifetimesOfApps},
	{"a token of another user, app or session is unknown and changes nothing", wrongAddress},
	{"a disabled or deleted user exchanges nothing", barredRotate},
	{"a thousand exchanges leave one row and no event", oneRow},
	{"a token presented again from elsewhere is recorded once an hour", repeated},
	{"roles and metadata come with the exchange", rolesInRotate},
	{"a client that repeats what failed never loses its session", faults},
	{"events come in order and once, a page at a time", eventsInOrder},
	{"the feed passes over events of other kinds", eventsByKind},
	{"events written at the same moment reach every reader once, in one order", eventsWhileWriting},
	{"old events are removed, and the newest holds the place", eventsPurge},
	{"old events are removed where no one reads the feed, too", eventsPurgeUnread},
	{"one process delivers webhooks, and the next one goes on where it stopped", webhooksOneHolder},
	{"an event that was not delivered holds back those of its user alone", webhooksInOrder},
	{"a receiver that wants no more stays stopped until it is resumed", webhooksStop},

	{"any sequence of logins, exchanges and endings goes as the model says", property},

	{"ending a session does not move its counters, and ending it again changes nothing", endSession},
	{"ending all sessions returns those that were alive", endSessions},
	{"a session whose row is lost ends where a token proves it", endLost},
	{"live sessions are listed, newest use first", sessionsOrder},
	{"revocations are read from a moment on, that moment included", revokedSince},
	{"revocations are read by pages", revokedByPages},
	{"the time of the database passes, and stores agree on it", databaseTime},
	{"a revocation by another store wakes the watcher within a second", watch},
	{"ended sessions that the database has lost are written back, and stay", restoreRevocations},
	{"a purge removes what is dead and leaves what is alive", purge},
	{"two purges at once remove each row once", racingPurges},

	{"a profile keeps what a change leaves out", profile},
	{"an unknown or deleted user is not found", notFound},
	{"the identity of an app is found by its user", identity},
	{"a phone number has one holder", phone},
	{"a phone number stored under an earlier key is found", phoneEarlierKey},
	{"two users who bind one number at the same moment: one gets it", racingPhone},
	{"calls for phone numbers are counted over a sliding day, for each user alone", phoneCalls},
	{"calls for phone numbers at the same moment stay within the limit", racingPhoneCalls},

	{"the newest value that a platform handed over stays", platformValues},

	{"any text comes back as it was, or as near as a database can hold", anyText},
	{"one request with unfit text does not fail its neighbours", unfitNeighbour},
	{"times come back in UTC, to the microsecond", times},
}

func healthy(t *testing.T, db *Database) {
	s := db.open(t, lifetimes())
	noError(t, s.Ping(t.Context()))
	noError(t, s.Writable(t.Context()))
	noError(t, s.SchemaCurrent(t.Context()))
}
