package service

import (
	"io"
	"log/slog"

	"github.com/wugan/wugan/internal/config"
)

// newLogger makes the log that the settings ask for.
func newLogger(c config.Config, w io.Writer) (*slog.Logger, error) {
	level, err := c.Level()
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}
