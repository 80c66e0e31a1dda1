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

// Provider is what this package asks of the identity provider, WeChat. Its
// refusals and outages come back as *ProviderError; a call ends within 5 s.
type Provider interface {
	// PhoneNumber exchanges the code of a getPhoneNumber button, once. The
	// provider is asked to refuse the code of another person than openID. An
	// exchange that fails costs nothing.
	PhoneNumber(ctx context.Context, appID, openID, code string) (GivenPhone, error)
	// SessionKeyValid asks whether a session key still is the user's newest.
	SessionKeyValid(ctx context.Context, appID, openID, key string) (bool, error)
	// Decrypt opens data that the client was handed, and checks that it was
	// made for the app. Every failure is a *ProviderError with DecryptFailed.
	Decrypt(appID, key, encryptedData, iv string) (json.RawMessage, error)
}

// CheckSessionKey asks WeChat whether the session key that is kept for the user
// in an app still is the newest. Where none is kept, it is not.
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

// Decrypt opens encryptedData, which the client was handed by WeChat, under the
// session key that is kept for the user in an app. The ids of the person are
// taken out: they do not leave the service by a user's request.
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
