package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Rekeyer opens values that earlier data keys sealed and seals them with the current
// key.
type Rekeyer interface {
	Opener
	Seal(plain []byte, associatedData string) ([]byte, error)
	// Current reports whether a value was sealed with the current key.
	Current(sealed []byte) bool
	// Hash is the keyed hash under which a phone number is stored.
	Hash(value string) []byte
}

// RekeyStore is what [Rekey] needs from a database.
type RekeyStore interface {
	// SealedSessionKeys lists at most limit identities with a session key, ordered
	// by (app, openid), that come after the given one.
	SealedSessionKeys(ctx context.Context, after Identity, limit int) ([]Identity, error)
	// ReplaceSessionKeys replaces the old values by the new ones, for each identity
	// that still has its old value, and returns the number of those.
	ReplaceSessionKeys(ctx context.Context, old []Identity, fresh [][]byte) (int, error)
	// SealedPhones lists at most limit users with a phone number, ordered by id,
	// that come after the given one.
	SealedPhones(ctx context.Context, after uuid.UUID, limit int) ([]User, error)
	// ReplacePhones is ReplaceSessionKeys for phone numbers and their hashes.
	ReplacePhones(ctx context.Context, old []User, fresh, hashes [][]byte) (int, error)
}

// Rekeyed is the result of Rekey.
type Rekeyed struct {
	// Seen counts the sealed values, Sealed those that were sealed again. The
	// rest was current, or a login replaced it at the same moment.
	Seen, Sealed int
	// Lost counts the values that none of the keys opens, because the key that
	// sealed them is not among the earlier ones. They are left unchanged.
	Lost int
}

// rekeyBatch is how many rows change in one statement, so that a login which
// wants one of them hardly waits.
const rekeyBatch = 200

// Rekey seals all stored values with the current data key, while the service runs. It
// can be repeated, also after an error.
func Rekey(ctx context.Context, store RekeyStore, box Rekeyer) (Rekeyed, error) {
	var done Rekeyed
	// again opens and seals one value; nil where it is left as it is.
	again := func(sealed []byte, associatedData string) (plain, fresh []byte, err error) {
		done.Seen++
		if box.Current(sealed) {
			return nil, nil, nil
		}
		if plain, err = box.Open(sealed, associatedData); err != nil {
			done.Lost++
			return nil, nil, nil //nolint:nilerr // it is counted, and the rest goes on
		}
		fresh, err = box.Seal(plain, associatedData)
		return plain, fresh, err
	}
	var at Identity
	for {
		page, err := store.SealedSessionKeys(ctx, at, rekeyBatch)
		if err != nil || len(page) == 0 {
			if err != nil {
				return done, fmt.Errorf("rekey session keys: %w", err)
			}
			break
		}
		at = page[len(page)-1]
		var old []Identity
		var fresh [][]byte
		for _, i := range page {
			_, sealed, err := again(i.SealedSessionKey, i.AssociatedData())
			if err != nil {
				return done, fmt.Errorf("rekey session keys: %w", err)
			}
			if sealed != nil {
				old, fresh = append(old, i), append(fresh, sealed)
			}
		}
		if len(old) > 0 {
			n, err := store.ReplaceSessionKeys(ctx, old, fresh)
			if err != nil {
				return done, fmt.Errorf("rekey session keys: %w", err)
			}
			done.Sealed += n
		}
	}
	var last uuid.UUID
	for {
		page, err := store.SealedPhones(ctx, last, rekeyBatch)
		if err != nil {
			return done, fmt.Errorf("rekey phone numbers: %w", err)
		}
		if len(page) == 0 {
			return done, nil
		}
		last = page[len(page)-1].ID
		var old []User
		var fresh, hashes [][]byte
		for _, u := range page {
			number, sealed, err := again(u.SealedPhone, PhoneAssociatedData(u.ID))
			if err != nil {
				return done, fmt.Errorf("rekey phone numbers: %w", err)
			}
			if sealed != nil {
				old, fresh, hashes = append(old, u), append(fresh, sealed), append(hashes, box.Hash(string(number)))
			}
		}
		if len(old) > 0 {
			n, err := store.ReplacePhones(ctx, old, fresh, hashes)
			if err != nil {
				return done, fmt.Errorf("rekey phone numbers: %w", err)
			}
			done.Sealed += n
		}
	}
}
