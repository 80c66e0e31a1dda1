package userimport_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/internal/userimport"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// away is a store that is away for some calls, before or after it did its work.
type away struct {
	*sqlite.Store
	before, after int
}

func (s *away) ImportUsers(ctx context.Context, batch []users.Imported, commit bool) (users.ImportResult, error) {
	if s.before > 0 {
		s.before--
		return users.ImportResult{}, users.ErrUnavailable
	}
	out, err := s.Store.ImportUsers(ctx, batch, commit)
	if err == nil && s.after > 0 {
		s.after--
		return users.ImportResult{}, users.ErrUnavailable
	}
	return out, err
}

func TestAnImportOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	store := sqlitetest.Open(t, auth.Lifetimes{})
	job := userimport.Job{
		Apps: map[string]userimport.App{"wx1": {Provider: "wechat", Account: users.DefaultAccount}}, Now: time.Now(),
		Problem:  func(line int, problem string) { t.Errorf("line %d %s", line, problem) },
		Progress: func(int, int) {},
	}
	file := strings.NewReader("appId,openid\nwx1,o-1\nwx1,o-2\n")

	job.Store = &away{Store: store, before: 1}
	r, err := job.Run(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, userimport.Result{Lines: 2, Created: 2}, r)

	file.Reset("appId,openid\nwx1,o-3\n")
	job.Store = &away{Store: store, after: 1}
	r, err = job.Run(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, userimport.Result{Lines: 1, Known: 1}, r, "it was brought in by the call that failed")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	file.Reset("appId,openid\nwx1,o-4\n")
	job.Store = &away{Store: store, before: 100}
	_, err = job.Run(ctx, file)
	require.ErrorIs(t, err, context.DeadlineExceeded, "who gives up does not wait")
}
