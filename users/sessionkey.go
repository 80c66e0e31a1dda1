package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/google/uuid"
)

// Provider is the identity provider of this package. Its methods return a
// *ProviderError for refusals and outages and end within 5 s.
type Provider interface {
	// PhoneNumber exchanges the code of a getPhoneNumber button, which works once.
	// The provider is asked to refuse a code of another person than openID. A failed
	// exchange costs nothing.
	PhoneNumber(ctx context.Context, appID, openID, code string) (GivenPhone, error)
	// SessionKeyValid reports whether a session key is the user's newest.
	SessionKeyValid(ctx context.Context, appID, openID, key string) (bool, error)
	// Decrypt decrypts data that the client got from the platform and checks that
	// it was made for the app. Every failure is a *ProviderError with
	// DecryptFailed.
	Decrypt(appID, key, encryptedData, iv string) (json.RawMessage, error)
}

// CheckSessionKey asks the platform whether the stored session key of the user in an
// app is the newest. It returns false if none is stored.
func (s *Service) CheckSessionKey(ctx context.Context, id uuid.UUID, appID string) (bool, error) {
	identity, key, err := openSessionKey(ctx, s.store, s.vault, id, appID)
	if errors.Is(err, ErrNoSessionKey) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("check a session key: %w", err)
	}
	valid, err := s.provider.SessionKeyValid(ctx, appID, identity.OpenID, key)
	if err != nil {
		return false, fmt.Errorf("check a session key: %w", err)
	}
	return valid, nil
}

// Decrypt decrypts encryptedData, which the client got from the platform, with the
// stored session key of the user in an app. It removes the user's openid and unionid,
// which must not leave the service by a user's request.
//
// Errors: *ProviderError with DecryptFailed, whatever the reason;
// ErrUnavailable.
func (s *Service) Decrypt(ctx context.Context, id uuid.UUID, appID, encryptedData, iv string) (map[string]json.RawMessage, error) {
	_, key, err := openSessionKey(ctx, s.store, s.vault, id, appID)
	if errors.Is(err, ErrNoSessionKey) {
		return nil, &ProviderError{Reason: DecryptFailed, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	plain, err := s.provider.Decrypt(appID, key, encryptedData, iv)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(plain, &data); err != nil {
		return nil, &ProviderError{Reason: DecryptFailed, Err: errors.New("the plaintext is no JSON object")}
	}
	maps.DeleteFunc(data, func(name string, _ json.RawMessage) bool { return namesPerson(name) })
	return data, nil
}

// namesPerson reports whether a member of a platform's data is an id of the
// person: openId and unionId of WeChat and QQ, openid of Baidu, userid of WeCom,
// however they are written.
func namesPerson(member string) bool {
	switch strings.ToLower(strings.ReplaceAll(member, "_", "")) {
	case "openid", "unionid", "userid", "openuserid":
		return true
	}
	return false
}

// identityStore is what openSessionKey needs of a database.
type identityStore interface {
	Identity(ctx context.Context, id uuid.UUID, appID string) (Identity, error)
}

// openSessionKey opens the key that was kept at the user's last login in an app.
func openSessionKey(ctx context.Context, store identityStore, vault Opener, id uuid.UUID, appID string) (Identity, string, error) {
	identity, err := store.Identity(ctx, id, appID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && len(identity.SealedSessionKey) == 0:
		return Identity{}, "", ErrNoSessionKey
	case err != nil:
		return Identity{}, "", err
	}
	key, err := vault.Open(identity.SealedSessionKey, identity.AssociatedData())
	if err != nil {
		return Identity{}, "", err
	}
	return identity, string(key), nil
}
