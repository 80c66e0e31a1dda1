package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/internal/secret"
)

// Platform is what a Directory asks of the identity provider. An app that is not
// configured, or whose provider knows no such call, comes back as an error that
// says so; refusals and outages come back as *ProviderError.
type Platform interface {
	// SignData returns the signature of data under a session key.
	SignData(appID, key, data string) (string, error)
	// PlatformToken returns the app's access token, by which its owner's services
	// call the platform, and how long it works still. It ends within 5 s.
	PlatformToken(ctx context.Context, appID string) (secret.String, time.Duration, error)
}

// ErrNoSessionKey says that no session key of a person is kept for an app: the
// person has not logged in there, or not since the data key was lost.
var ErrNoSessionKey = errors.New("no session key is kept for this user and app")

// Sign signs data under the person's present session key in an app, which does not
// leave the service. It is recorded once a day for a signer and a person. Errors:
// ErrNotFound, ErrNoSessionKey, those of a [Platform], ErrUnavailable.
func (d *Directory) Sign(ctx context.Context, signer string, id uuid.UUID, appID, data string) (string, error) {
	if _, err := d.store.User(ctx, id); err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	_, key, err := openSessionKey(ctx, d.store, d.vault, id, appID)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signature, err := d.platform.SignData(appID, key, data)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	if err := d.noteDaily(ctx, Event{Kind: EventDataSigned, UserID: id, Actor: signer}); err != nil {
		return "", fmt.Errorf("record a signature: %w", err)
	}
	return signature, nil
}

// PlatformToken returns an app's access token, by which its owner's services call
// the platform, and when it expires. Errors: those of a [Platform].
func (d *Directory) PlatformToken(ctx context.Context, appID string) (secret.String, time.Time, error) {
	token, life, err := d.platform.PlatformToken(ctx, appID)
	if err != nil {
		return secret.String{}, time.Time{}, fmt.Errorf("fetch an access token: %w", err)
	}
	return token, d.now().UTC().Add(life).Truncate(time.Second), nil
}

// noteDaily records an event unless one of the same kind, user and actor was
// recorded within a day.
func (d *Directory) noteDaily(ctx context.Context, e Event) error {
	e.At = d.now().UTC().Truncate(time.Microsecond)
	return d.store.NoteOnce(ctx, e, e.At.Add(-readWindow))
}
