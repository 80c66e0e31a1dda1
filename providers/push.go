package providers

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/wugan/wugan/internal/secret"
)

// PushReader reads the messages that a platform sends to this service unasked.
type PushReader interface {
	// PushID is the id in the address that the platform pushes to: the app's, or
	// that of what several apps have in common. It is "" where the app has no
	// push configured.
	PushID() string
	// ConfirmPush returns the response to the platform's check of the address.
	// Every error is ErrPush.
	ConfirmPush(query url.Values) (string, error)
	// ReadPush verifies a message and returns its meaning. A message that is no
	// valid one of the platform's is ErrPush. Any other error means that it has
	// to come again.
	ReadPush(ctx context.Context, query url.Values, body []byte) (Push, error)
}

// ErrPush is the error for a message that is not valid: a wrong signature, a body that
// cannot be decrypted or parsed, another app, or an old timestamp. It is one value for
// all causes.
var ErrPush = errors.New("providers: the message push is not valid")

// Push is a message of a platform about one user.
type Push struct {
	Kind PushKind
	// Subject is the user in the app; "" if the message names none.
	Subject string
	// At is when the platform made the message.
	At time.Time
	// Profile and Phone report which stored data was withdrawn: nickname and
	// avatar, the phone number.
	Profile, Phone bool
	// Reason is a text for the recorded event.
	Reason string
}

// PushKind is the action that a push requires.
type PushKind int

// The kinds of push.
const (
	PushOther     PushKind = iota // nothing to do
	PushWithdrawn                 // data of the user are to be erased, or none of ours
	PushClosed                    // the user closed the account
)

// Memory keeps what a platform hands over between calls, for all processes and the
// next start. It is safe for concurrent use. Any error is an outage.
type Memory interface {
	// Keep replaces the value of a name, unless one with a later at is there.
	Keep(ctx context.Context, name string, value secret.String, at time.Time) error
	// Recall returns the value of a name, which is empty where there is none.
	Recall(ctx context.Context, name string) (value secret.String, at time.Time, err error)
}
