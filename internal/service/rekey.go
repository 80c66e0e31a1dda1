package service

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/users"
)

// Rekey seals all stored values with the data key of the settings and reports on
// out how many. It works while pods run and can be repeated.
func Rekey(ctx context.Context, c config.Config, out io.Writer) (err error) {
	box, err := newBox(c)
	if err != nil {
		return err
	}
	db, err := OpenExisting(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	done, err := users.Rekey(ctx, db, box)
	_, _ = fmt.Fprintf(out, "%d values seen, %d sealed anew\n", done.Seen, done.Sealed)
	if err == nil && done.Lost > 0 {
		err = fmt.Errorf("%d values open with none of the keys: add the key that sealed them to WUGAN_DATA_KEY_OLD and repeat", done.Lost)
	}
	return err
}
