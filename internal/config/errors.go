package config

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// Error is one line that names a setting and says what was expected. It never
// repeats the value.
type Error struct{ name, expected string }

func (e Error) Error() string { return e.name + ": " + e.expected }

// Wrong returns an [Error] about a setting, named without the prefix.
func Wrong(name, format string, args ...any) error {
	return Error{prefix + "_" + name, fmt.Sprintf(format, args...)}
}

// Reason returns why a file could not be used, with its path.
func Reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}

// Cause returns why a file or an address could not be used, without naming it.
func Cause(err error) string {
	var (
		path *os.PathError
		op   *net.OpError
	)
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
