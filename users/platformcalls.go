package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/internal/secret"
)

// Platform is the identity provider of a Directory. Its methods return an error for an
// app that is not configured or whose provider has no such call, and a *ProviderError
// for refusals and outages.
type Platform interface {
	// SignData returns the signature of data under a session key.
	SignData(appID, key, data string) (string, error)
	// PlatformToken returns the app's access token, by which its owner's services
	// call the platform, and how long it works still. It ends within 5 s.
	PlatformToken(ctx context.Context, appID string) (secret.String, time.Duration, error)
}

// ErrNoSessionKey is returned if no session key of the user is stored for the app: the
// user has not logged in there, or not since the data key was lost.
var ErrNoSessionKey = errors.New("no session key is kept for this user and app")

// Sign signs data with the user's current session key in an app. The key does not
// leave the service. It records an event, once a day for each signer and user. Errors:
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

// PlatformToken returns the access token of an app, with which the operator's services
// call the platform, and when it expires. Errors: those of a [Platform].
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
