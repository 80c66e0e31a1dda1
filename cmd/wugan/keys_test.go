package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func (p program) keys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.jwks")
	require.Regexp(t, `^`+regexp.QuoteMeta(path)+`: one ES256 key, id \S+\n$`, p.ok(t, nil, "keys", "new", path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, errs, status := p.run(t, nil, "keys", "new", path)
	require.Equal(t, exitFailed, status, "overwriting a key file would end every session")
	require.Contains(t, errs, "file exists")
	same, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, same)

	require.Regexp(t, `: kept, id \S+ signs\n$`, p.ok(t, nil, "keys", "new", "--keep", path))
	same, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, same)
	require.Contains(t, p.ok(t, nil, "keys", "new", "--keep", path+".first"), "one ES256 key")
	require.NoError(t, os.WriteFile(path+".broken", nil, 0o600))
	_, _, status = p.run(t, nil, "keys", "new", "--keep", path+".broken")
	require.Equal(t, exitFailed, status, "what is no key file is not kept in silence")

	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--active-in", "1h", path), "0 dropped")
	listed := p.ok(t, nil, "keys", "list", path)
	require.Regexp(t, `(?m)^\S+ +ES256 +\d{4}-\S+Z +published, will sign$`, listed)
	require.Regexp(t, `(?m)^\S+ +ES256 +always +signs$`, listed)
	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--alg", "EdDSA", "--active-in", "0s", path), "new EdDSA key")
	require.Contains(t, p.ok(t, nil, "keys", "rotate", "--active-in", "0s", "--drain", "0s", path), "new EdDSA key", "the algorithm of the one in use")

	var file struct{ Keys []map[string]any }
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	listed = p.ok(t, nil, "keys", "list", path)
	for _, key := range file.Keys {
		require.NotEmpty(t, key["d"])
		require.NotContains(t, listed, key["d"])
		require.Contains(t, listed, key["kid"])
	}
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a rotation keeps it private")

	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "HS256"} {
		require.Contains(t, p.ok(t, nil, "keys", "new", "--alg", algorithm, path+algorithm), "one "+algorithm+" key")
	}
}
