// Package pages_test runs the snippets of the pages about payments, leaving and
// migrating, in both languages, beside the real wugan. What cannot be had here, such as
// MySQL and a merchant's key of WeChat Pay, is left to the reader.
package pages_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/internal/test/devserver"
	"github.com/wugan/wugan/internal/test/pgtest"
	"github.com/wugan/wugan/wechat/fakewechat"
)

func TestMain(m *testing.M) { devserver.Main(m) }

const key = "shop-key-0123456789-abcdefghijklmnop"

var block = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")

// bothLanguages runs a test on a page in English and in Chinese.
func bothLanguages(t *testing.T, name string, test func(t *testing.T, page map[string][]string)) {
	t.Helper()
	for _, language := range []string{"en", "zh"} {
		text, err := os.ReadFile("../../docs/" + language + "/" + name + ".md")
		require.NoError(t, err)
		page := map[string][]string{}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			page[found[1]] = append(page[found[1]], found[2])
		}
		t.Run(language, func(t *testing.T) { test(t, page) })
	}
}

// run runs a program and returns what it prints.
func run(t *testing.T, folder string, env []string, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = folder, append(os.Environ(), env...), strings.NewReader(stdin)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", said.String(), out)
	return string(out)
}

// shell runs a block as it is printed, with the addresses and ids of this test.
func shell(t *testing.T, folder, text string, env []string, replace ...string) string {
	t.Helper()
	return run(t, folder, env, "", "bash", "-euo", "pipefail", "-c", strings.NewReplacer(replace...).Replace(text))
}

func TestThePageAboutPaymentsRunsAsPrinted(t *testing.T) {
	wugan := devserver.Start(t, "WUGAN_API_KEYS=shop:service:"+key)
	alice := wugan.Login(t, "alice")
	openID := fakewechat.OpenID(alice.User.AppID, "alice")
	bothLanguages(t, "payments", func(t *testing.T, page map[string][]string) {
		t.Helper()
		env := []string{"KEY=" + key, "USER_ID=" + alice.User.ID, "MCHID=1900000001", "OPENID=" + openID, "APPID=" + alice.User.AppID}
		require.Len(t, page["sh"], 3)
		for i, member := range []string{"identities", "signature", "accessToken"} {
			var answer map[string]any
			out := shell(t, t.TempDir(), page["sh"][i], env, "https://auth.example.com", wugan.URL, "wx0123456789abcdef", alice.User.AppID)
			require.NoError(t, json.Unmarshal([]byte(out), &answer), "%s", out)
			require.NotEmpty(t, answer[member], "%s", out)
		}

		require.Len(t, page["go"], 1)
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(`package main

import (
	"encoding/json"
	"os"
)

func main() {
	appID, openID, orderNumber := os.Getenv("APPID"), os.Getenv("OPENID"), "o-1"
`+page["go"][0]+`
	_ = json.NewEncoder(os.Stdout).Encode(order)
}
`), 0o600))
		byGo := run(t, filepath.Dir(file), env, "", "go", "run", file)
		require.Len(t, page["js"], 1)
		byNode := run(t, t.TempDir(), env, "", "node", "--input-type=module", "-e", fmt.Sprintf(
			"const auth = %q, key = %q, userId = %q, appId = %q, orderNumber = 'o-1'\n%s\nconsole.log(JSON.stringify(order))",
			wugan.URL, key, alice.User.ID, alice.User.AppID, page["js"][0]))
		require.JSONEq(t, byGo, byNode)
		require.Contains(t, byGo, openID)
		require.Contains(t, byGo, "1900000001")
	})
}

func TestThePageAboutLeavingVerifiesWebhooks(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, packageFiles{os.DirFS("../shop-node")}))
	run(t, folder, nil, "", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	const text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signer, err := standardwebhooks.ParseSecret(text)
	require.NoError(t, err)
	body := []byte(`{"type":"user_deleted","timestamp":"2026-03-01T12:00:00Z","data":{"userId":"0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f"}}`)
	bothLanguages(t, "leaving", func(t *testing.T, page map[string][]string) {
		t.Helper()
		require.Len(t, page["js"], 1)
		script := func(body []byte) string {
			now := time.Now()
			headers, err := json.Marshal(map[string]string{
				"webhook-id": "1", "webhook-timestamp": strconv.FormatInt(now.Unix(), 10), "webhook-signature": signer.Sign("1", now, body),
			})
			require.NoError(t, err)
			return fmt.Sprintf("const body = %q, headers = %s, forgotten = []\nconst forget = async (id) => forgotten.push(id)\n%s\nconsole.log(forgotten.join())", body, headers, page["js"][0])
		}
		env := []string{"WUGAN_WEBHOOK_SECRET=" + text}
		require.Equal(t, "0192f0c4-7c1e-7b5a-9d3e-0a1b2c3d4e5f\n", run(t, folder, env, "", "node", "--input-type=module", "-e", script(body)))
		forged := strings.Replace(script(body), "user_deleted", "user_created", 1)
		cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", forged)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "WebhookVerificationError")
	})
}

// packageFiles are the files that npm ci needs.
type packageFiles struct{ fs.FS }

func (p packageFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(p.FS, name)
	var out []fs.DirEntry
	for _, one := range all {
		if strings.HasPrefix(one.Name(), "package") {
			out = append(out, one)
		}
	}
	return out, err
}

// The people of a table come in by the commands of the page and log in under their old
// ids.
func TestThePageAboutMigratingMovesPeopleAsPrinted(t *testing.T) {
	bothLanguages(t, "migrate", func(t *testing.T, page map[string][]string) {
		t.Helper()
		folder := t.TempDir()
		dataKey := base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijABCDEFGHIJ=!"))
		database := "WUGAN_DATABASE_URL=sqlite:" + filepath.Join(folder, "wugan.db")
		wugan := devserver.Start(t, database, "WUGAN_DATA_KEY="+dataKey, "WUGAN_METADATA_CLAIMS=oldId", "WUGAN_API_KEYS=shop:service:"+key)
		appID := wugan.Login(t, "newcomer").User.AppID
		require.Len(t, page["sh"], 3)

		// 1. Export: the part for PostgreSQL, on a PostgreSQL.
		old, err := url.Parse(pgtest.NewCluster(t).Superuser(""))
		require.NoError(t, err)
		psql := filepath.Join(binaries(t), "psql")
		run(t, folder, nil, "", psql, "-q", old.String(), "-c", fmt.Sprintf(`
CREATE TABLE users (id int, openid text, unionid text, nickname text, mobile text, created_at timestamptz);
INSERT INTO users VALUES (4711, '%s', NULL, '小明', '13800001111', '2021-05-01T08:00:00+08:00'), (4712, '', NULL, 'nobody', NULL, now())`,
			fakewechat.OpenID(appID, "alice")))
		_, export, found := strings.Cut(page["sh"][0], "# PostgreSQL\n")
		require.True(t, found)
		shell(t, folder, export, nil, "wx0123456789abcdef", appID, "psql -At shop", psql+" -At "+old.String())

		// 2. Import, with the commands of the page.
		bin := t.TempDir()
		require.NoError(t, os.Symlink(devserver.Wugan(t), filepath.Join(bin, "wugan")))
		env := []string{database, "WUGAN_DATA_KEY=" + dataKey, "WUGAN_WECHAT_APPS=" + appID + ":0123456789abcdef0123456789abcde7", "PATH=" + bin + ":" + os.Getenv("PATH")}
		out := shell(t, folder, page["sh"][1], env)
		require.Contains(t, out, "1 lines: 1 users would be created")
		require.Contains(t, out, "1 lines: 1 users created")

		// 3. The old id is in the token; a person who came later gets one.
		claim := func(name string) (id any, user string) {
			in := wugan.Login(t, name)
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(in.AccessToken, ".")[1])
			require.NoError(t, err)
			var claims map[string]any
			require.NoError(t, json.Unmarshal(payload, &claims))
			return claims["oldId"], in.User.ID
		}
		id, _ := claim("alice")
		require.InDelta(t, 4711, id, 0)
		id, newcomer := claim("newcomer")
		require.Nil(t, id)
		shell(t, folder, page["sh"][2], []string{"KEY=" + key, "USER_ID=" + newcomer}, "https://auth.example.com", wugan.URL)
		id, _ = claim("newcomer")
		require.InDelta(t, 4712, id, 0)

		// uni-id: what the script writes is what the import takes.
		require.Len(t, page["js"], 1)
		lines := run(t, folder, nil, `{"_id":"u1","wx_openid":{"mp-weixin":"o-uni-1"},"mobile":"13800002222","nickname":"小红","role":["vip"],"register_date":1620000000123}
{"_id":"u2","wx_openid":{"mp-weixin":{"`+appID+`":"o-uni-2"}},"register_date":1620000000123}
`, "node", "--input-type=module", "-e", strings.ReplaceAll(page["js"][0], "wx0123456789abcdef", "'"+appID+"'"))
		file := filepath.Join(folder, "uni.jsonl")
		require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
		require.Contains(t, run(t, folder, env, "", devserver.Wugan(t), "users", "import", "--dry-run", file), "2 lines: 2 users would be created")
	})
}

// binaries is the folder of PostgreSQL's programs.
func binaries(t *testing.T) string {
	t.Helper()
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	return folders[len(folders)-1]
}
