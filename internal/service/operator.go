package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/wugan/wugan/admin"
	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/seal"
)

// Administer opens the database for an operator at the command line: it works
// while no pod does, and running pods notice what it ends by themselves. The
// caller closes the database.
func Administer(ctx context.Context, c config.Config) (*admin.Service, Database, error) {
	return administer(ctx, c, auth.NewClock(time.Now, slog.New(slog.DiscardHandler)))
}

// administer gives the operator the database's time, independent of the clock of the
// machine.
func administer(ctx context.Context, c config.Config, clock *auth.Clock) (*admin.Service, Database, error) {
	vault := optionalBox{}
	if !c.DataKey.Empty() {
		box, err := newBox(c)
		if err != nil {
			return nil, nil, err
		}
		vault.Box = box
	}
	db, err := OpenExisting(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if _, err := clock.Measure(ctx, db.Now); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return admin.New(db, vault, clock.Now, nil), db, nil
}

// newBox returns a Box with the data keys of the settings.
func newBox(c config.Config) (*seal.Box, error) {
	key, earlier, err := c.DataKeys()
	if err != nil {
		return nil, err
	}
	return seal.NewBox(key, earlier...), nil
}

// optionalBox holds the data key if the operator has it. Without it everything
// works except phone numbers.
type optionalBox struct{ *seal.Box }

// Open returns a placeholder that prints masked if there is no key.
func (b optionalBox) Open(sealed []byte, associatedData string) ([]byte, error) {
	if b.Box == nil {
		return []byte("?"), nil
	}
	return b.Box.Open(sealed, associatedData)
}

// Seal needs the key: what is sealed without it could never be opened.
func (b optionalBox) Seal(plain []byte, associatedData string) ([]byte, error) {
	if b.Box == nil {
		return nil, config.Wrong("DATA_KEY", "expected the service's data key, for a phone number has to be sealed")
	}
	return b.Box.Seal(plain, associatedData)
}

// Hashes returns no hash without the key.
func (b optionalBox) Hashes(value string) [][]byte {
	if b.Box == nil {
		return nil
	}
	return b.Box.Hashes(value)
}
