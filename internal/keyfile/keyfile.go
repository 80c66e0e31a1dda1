// Package keyfile reads and writes files of signing keys (private JWK Sets). It
// owns how a file is made and replaced; auth owns what stands in it.
package keyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wugan/wugan/auth"
)

// Mode keeps key files from other users of the machine.
const Mode = 0o600

// Load reads a key file.
func Load(path string) (*auth.KeySet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set, err := auth.ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return set, nil
}

// Create writes a key file that must not exist: overwriting one would end
// every session.
func Create(path string, set *auth.KeySet) error {
	data, err := set.Private()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, Mode)
	if err != nil {
		return fmt.Errorf("make a key file: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// Replace replaces a key file as a whole, so that a reader never meets half
// of it.
func Replace(path string, set *auth.KeySet) error {
	data, err := set.Private()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return fmt.Errorf("write a key file: %w", err)
	}
	_, werr := f.Write(append(data, '\n'))
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write a key file: %w", err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("write a key file: %w", err), os.Remove(f.Name()))
	}
	return nil
}
