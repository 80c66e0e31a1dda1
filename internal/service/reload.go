package service

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/config"
)

// keyWatcher reads the key files again on SIGHUP and when they change.
type keyWatcher struct {
	config          config.Config
	access, refresh *auth.Keyring
}

// watchEvery is how often the files are looked at. Reading them is simpler and
// surer than file notifications, which miss the symbolic links by which mounted
// secrets are exchanged.
const watchEvery = 2 * time.Second

func (w *keyWatcher) watch(ctx context.Context, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := w.content()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-tick.C:
		}
		content := w.content()
		if content == seen && !asked {
			continue
		}
		seen = content
		access, refresh, err := w.config.Keys()
		if err != nil {
			log.ErrorContext(ctx, "the keys were changed but cannot be used; the earlier ones stay in use", "error", err)
			continue
		}
		w.access.Replace(access)
		w.refresh.Replace(refresh)
		now := time.Now()
		log.InfoContext(ctx, "keys read again", "access", access.Signer(now).ID, "refresh", refresh.Signer(now).ID)
	}
}

// content is what both files hold; a file that cannot be read is empty.
func (w *keyWatcher) content() string {
	var all strings.Builder
	for _, path := range []string{w.config.AccessKeys, w.config.RefreshKeys} {
		if path == "" {
			continue
		}
		if f, err := os.Open(path); err == nil {
			data, _ := io.ReadAll(f)
			_ = f.Close()
			all.Write(append(data, 0))
		}
	}
	return all.String()
}
