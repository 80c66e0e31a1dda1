package users

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// RecordedEvent is an event with its id.
type RecordedEvent struct {
	ID int64
	Event
}

// Event is an entry of a user's security log.
type Event struct {
	At        time.Time
	Kind      EventKind
	UserID    uuid.UUID
	SessionID uuid.UUID // zero where the event is not about one session
	Actor     string    // one of the actors below, or the name of an operator's key
	Detail    json.RawMessage
}

// Actors of events that no operator caused.
const (
	ActorUser   = "user"   // the person, by a request with an access token
	ActorSystem = "system" // this service, by one of its rules
	ActorWeChat = "wechat" // a push of WeChat's
)

// EventKind is the kind of an event.
type EventKind string

// The kinds of events. Only events that matter to security or support are recorded,
// so a refresh is not.
const (
	EventUserCreated      EventKind = "user_created"
	EventIdentityLinked   EventKind = "identity_linked"
	EventIdentityConflict EventKind = "identity_conflict"
	// EventIdentityUnlinked: the user gave up the identities of an app.
	EventIdentityUnlinked EventKind = "identity_unlinked"
	// EventUserMerged: two users became one; on each of them.
	EventUserMerged EventKind = "user_merged"
	EventPhoneAsked EventKind = "phone_asked"
	// EventPhoneRefused is an EventPhoneAsked that cost nothing: the call failed.
	EventPhoneRefused EventKind = "phone_refused"
	EventPhoneBound   EventKind = "phone_bound"
	// EventPhoneRead: a service or an operator read the phone number in clear.
	EventPhoneRead EventKind = "phone_read"
	// EventDataSigned: a service had data signed under the person's session key.
	EventDataSigned    EventKind = "data_signed"
	EventProfileErased EventKind = "profile_erased"
	// EventAuthorizationWithdrawn: the person withdrew in WeChat what this
	// service holds nothing of.
	EventAuthorizationWithdrawn EventKind = "authorization_withdrawn"
	EventUserDisabled           EventKind = "user_disabled"
	EventUserEnabled            EventKind = "user_enabled"
	EventUserDeleted            EventKind = "user_deleted"
	EventRolesChanged           EventKind = "roles_changed"
	EventMetadataChanged        EventKind = "metadata_changed"
	EventSessionRevoked         EventKind = "session_revoked"
	EventRefreshReused          EventKind = "refresh_reused"
	EventSessionRestored        EventKind = "session_restored"
	EventRefreshRepeated        EventKind = "refresh_repeated"
)

// EventKinds returns all kinds in unspecified order.
func EventKinds() []EventKind {
	return []EventKind{
		EventUserCreated,
		EventIdentityLinked,
		EventIdentityConflict,
		EventIdentityUnlinked,
		EventUserMerged,
		EventPhoneAsked,
		EventPhoneRefused,
		EventPhoneBound,
		EventPhoneRead,
		EventDataSigned,
		EventProfileErased,
		EventAuthorizationWithdrawn,
		EventUserDisabled,
		EventUserEnabled,
		EventUserDeleted,
		EventRolesChanged,
		EventMetadataChanged,
		EventSessionRevoked,
		EventRefreshReused,
		EventSessionRestored,
		EventRefreshRepeated,
	}
}
