package service

import (
	"io"
	"log/slog"

	"github.com/wugan/wugan/internal/config"
)

// newLogger returns the logger of the settings.
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
