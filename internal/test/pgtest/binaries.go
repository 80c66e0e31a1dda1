package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// findServer is called once a process: it may install a package.
var findServer = sync.OnceValues(func() (string, error) {
	if dir := serverDir(); dir != "" {
		return dir, nil
	}
	if err := need(context.Background(), "/usr/lib/postgresql/*/bin/postgres=postgresql"); err != nil {
		return "", fmt.Errorf("no PostgreSQL server found in pg_config --bindir, PATH or /usr/lib/postgresql, "+
			"and WUGAN_TEST_DATABASE_URL is not set: %w", err)
	}
	if dir := serverDir(); dir != "" {
		return dir, nil
	}
	return "", errors.New("PostgreSQL was installed, and yet initdb and postgres are in no known place")
})

// BinDir gives the directory of the PostgreSQL server's programs (initdb,
// postgres, pgbench …). As root on Debian it installs them first.
func BinDir() (string, error) { return findServer() }

// serverDir looks for a directory that has both initdb and postgres: pg_config
// alone proves nothing, for libpq's headers bring it without a server.
func serverDir() string {
	var dirs []string
	if out, err := exec.CommandContext(context.Background(), "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		// Other programs stand beside the one that a link points to.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	sort.Slice(debian, func(i, j int) bool { return major(debian[i]) > major(debian[j]) })
	dirs = append(dirs, debian...)
	for _, dir := range dirs {
		if isFile(filepath.Join(dir, "initdb")) && isFile(filepath.Join(dir, "postgres")) {
			return dir
		}
	}
	return ""
}

// major reads the 15 of /usr/lib/postgresql/15/bin.
func major(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // not a number: last in the order
	return n
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// need runs scripts/need, the one place that knows how to install things.
func need(ctx context.Context, specs ...string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	script := filepath.Join(root, "scripts", "need")
	out, err := exec.CommandContext(ctx, script, specs...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// moduleRoot walks up from the working directory, which go test sets to the
// package under test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if isFile(filepath.Join(dir, "go.mod")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}
