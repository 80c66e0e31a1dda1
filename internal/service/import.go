package service

import (
	"context"
	"errors"
	"io"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/userimport"
)

// ImportUsers brings the people of a file into the database of the settings. It
// fills the job's store, apps, vault and time.
func ImportUsers(ctx context.Context, c config.Config, job userimport.Job, file io.ReadSeeker) (r userimport.Result, err error) {
	settings, err := c.Apps()
	if err != nil {
		return r, err
	}
	job.Apps = make(map[string]userimport.App, len(settings))
	for _, app := range settings {
		job.Apps[app.ID] = userimport.App{Provider: app.Provider, Account: app.Account}
	}
	if !c.DataKey.Empty() {
		box, err := newBox(c)
		if err != nil {
			return r, err
		}
		job.Vault = box
	}
	db, err := OpenExisting(ctx, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if job.Now, err = db.Now(ctx); err != nil {
		return r, err
	}
	job.Store = db
	return job.Run(ctx, file)
}
