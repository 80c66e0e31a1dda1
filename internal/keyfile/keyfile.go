// Package keyfile reads and writes files of signing keys (private JWK Sets). It owns
// how a file is created and replaced. Package auth owns its content.
package keyfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/osfile"
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

// Create writes a new key file. It returns an error if the file exists, because
// overwriting it would end every session.
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

// Update replaces the keys of a file by the result of change. It keeps the file's
// owner, group and mode, so that its readers can still read it. Concurrent updates
// of one file wait for each other. The replacement is atomic. If Update returns an
// error, the file is unchanged.
func Update(path string, change func(*auth.KeySet) (*auth.KeySet, error)) error {
	path, err := filepath.EvalSymlinks(path) // the link stays
	if err != nil {
		return err
	}
	unlock, err := osfile.Lock(path)
	if err != nil {
		return fmt.Errorf("lock the key file: %w", err)
	}
	defer func() { _ = unlock() }()
	set, err := Load(path)
	if err != nil {
		return err
	}
	if set, err = change(set); err != nil {
		return err
	}
	return replace(path, set)
}

// replace puts a file with these keys in the place of another.
func replace(path string, set *auth.KeySet) error {
	data, err := set.Private()
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return fmt.Errorf("write a key file: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, osfile.KeepOwner(f.Name(), info), f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write a key file: %w", err), os.Remove(f.Name()))
	}
	return nil
}
