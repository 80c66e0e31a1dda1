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
	"github.com/wugan/wugan/internal/apikey"
	"github.com/wugan/wugan/internal/config"
)

// watchEvery is how often the files are looked at. Reading them is simpler and
// surer than file notifications, which miss the symbolic links by which mounted
// secrets are exchanged.
const watchEvery = 2 * time.Second

// lookAgain calls look every watchEvery, and on SIGHUP with asked, until ctx
// ends.
func lookAgain(ctx context.Context, look func(asked bool)) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			look(true)
		case <-tick.C:
			look(false)
		}
	}
}

// keyWatcher reads the key files again on SIGHUP and when they change.
type keyWatcher struct {
	config          config.Config
	access, refresh *auth.Keyring
}

func (w *keyWatcher) watch(ctx context.Context, log *slog.Logger) {
	seen := w.content()
	lookAgain(ctx, func(asked bool) {
		content := w.content()
		if content == seen && !asked {
			return
		}
		seen = content
		access, refresh, err := w.config.Keys()
		if err != nil {
			log.ErrorContext(ctx, "the keys were changed but cannot be used; the earlier ones stay in use", "error", err)
			return
		}
		w.access.Replace(access)
		w.refresh.Replace(refresh)
		now := time.Now()
		log.InfoContext(ctx, "keys read again", "access", access.Signer(now).ID, "refresh", refresh.Signer(now).ID)
	})
}

// watchOperatorKeys reads the keys of machines and operators again on SIGHUP and
// when their file changes. Keys that are wrong leave the earlier ones in use.
func (s *Service) watchOperatorKeys(ctx context.Context, c config.Config, log *slog.Logger) {
	inUse, reported := "", ""
	lookAgain(ctx, func(asked bool) {
		keys, err := c.OperatorKeys()
		if err != nil {
			if asked || err.Error() != reported {
				reported = err.Error()
				log.ErrorContext(ctx, "the keys of operators were changed but cannot be used; the earlier ones stay in use", "error", err)
			}
			return
		}
		reported = ""
		if fresh := apikey.Fingerprint(keys); fresh != inUse || asked {
			known := inUse != ""
			inUse = fresh
			s.operators.Replace(keys)
			if known || asked {
				log.InfoContext(ctx, "keys of operators read again", "count", len(keys))
			}
		}
	})
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
