package service

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/secret"
	"github.com/wugan/wugan/providers"
	"github.com/wugan/wugan/users"
)

// memory keeps the values of platforms in the database, sealed under the data key. The
// platforms' clients are made before the database is open.
type memory struct {
	box *seal.Box
	db  atomic.Pointer[Database]
}

var _ providers.Memory = (*memory)(nil)

var errNotOpen = errors.New("the database is not open yet")

// associated binds a value to its name.
func associated(name string) string { return "platform value\x00" + name }

// Keep implements providers.Memory.
func (m *memory) Keep(ctx context.Context, name string, value secret.String, at time.Time) error {
	db := m.db.Load()
	if db == nil {
		return errNotOpen
	}
	sealed, err := m.box.Seal([]byte(value.Reveal()), associated(name))
	if err != nil {
		return err
	}
	return (*db).KeepPlatformValue(ctx, users.PlatformValue{Name: name, Sealed: sealed, At: at})
}

// Recall implements providers.Memory. A value under a data key that is gone is none:
// the platform hands another one over soon.
func (m *memory) Recall(ctx context.Context, name string) (secret.String, time.Time, error) {
	db := m.db.Load()
	if db == nil {
		return secret.String{}, time.Time{}, errNotOpen
	}
	v, err := (*db).PlatformValue(ctx, name)
	if err != nil || v.Sealed == nil {
		return secret.String{}, time.Time{}, err
	}
	plain, err := m.box.Open(v.Sealed, associated(name))
	if err != nil {
		return secret.String{}, time.Time{}, nil //nolint:nilerr // as the comment says
	}
	return secret.New(string(plain)), v.At, nil
}
