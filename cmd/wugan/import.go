package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/service"
	"github.com/wugan/wugan/internal/userimport"
)

func usersImportCommand() *cobra.Command {
	dryRun := false
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Import the users of another system from CSV or JSON lines",
		Example: `  wugan users import people.csv --dry-run
  wugan users import people.jsonl`,
		Long: `Bring the people of another system in, from CSV with a header or from JSON lines:
appId, openid, then unionid, nickname, avatarUrl, phone, roles, metadata and
createdAt. Identities that are known are left as they are, so a file may be
imported again. Every line that is wrong is named, and then nothing is imported.
It works beside running pods. docs/en/migrate.md tells the whole move.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := config.Load()
			if err != nil {
				return err
			}
			asJSON, err := cmd.Flags().GetBool("json")
			if err != nil {
				return usageError{err}
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("the file: %s", config.Reason(err))
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			note := cmd.ErrOrStderr()
			job := userimport.Job{
				DryRun:   dryRun,
				Problem:  func(line int, problem string) { _, _ = fmt.Fprintf(note, "line %d %s\n", line, problem) },
				Progress: func(int, int) {},
			}
			if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				job.Progress = progress(note)
			}
			r, err := service.ImportUsers(cmd.Context(), c, job, file)
			if err != nil {
				return err
			}
			if err := sayImported(cmd, r, dryRun, asJSON); err != nil {
				return err
			}
			if r.Problems > 0 {
				return fmt.Errorf("%d lines cannot be imported, and %d lines were held back with them: mend them and import the file again", r.Problems, r.Withheld-r.Problems)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be imported, and keep nothing")
	return c
}

func sayImported(cmd *cobra.Command, r userimport.Result, dryRun, asJSON bool) (err error) {
	out := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{
			"lines": r.Lines, "created": r.Created, "linked": r.Linked, "known": r.Known, "problems": r.Problems, "heldBack": r.Withheld, "dryRun": dryRun,
		})
	}
	would := ""
	if dryRun {
		would = "would be "
	}
	_, err = fmt.Fprintf(out, "%d lines: %d users %screated, %d identities %sadded to users who were there, %d were known\n",
		r.Lines, r.Created, would, r.Linked, would, r.Known)
	return err
}

// progress writes over one line of a terminal, a few times a second.
func progress(to interface{ Write([]byte) (int, error) }) func(done, all int) {
	var last time.Time
	return func(done, all int) {
		if now := time.Now(); done == all || now.Sub(last) > 200*time.Millisecond {
			last = now
			_, _ = fmt.Fprintf(to, "\r%d of %d lines", done, all)
			if done == all {
				_, _ = fmt.Fprintln(to)
			}
		}
	}
}
