package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/wechat/fakewechat"
)

func importFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPeopleAreImportedAndLogInUnderTheirOldIDs(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		t.Setenv("WUGAN_WECHAT_APPS", appID+":"+appSecret)
		p := w.pod()
		open := func(name string) string { return fakewechat.OpenID(appID, name) }
		csv := importFile(t, "\ufeffopenid,appId,nickname,phone,roles,metadata,createdAt,unionid\r\n"+
			open("alice")+","+appID+",小明,+86 138-0000-1111,\"vip, editor\",\"{\"\"oldId\"\":4711}\",2021-05-01T08:00:00+08:00,\r\n"+
			open("bob")+","+appID+",\"with\na line break\",,,,,\r\n"+
			open("carol")+","+appID+",,,,,,"+fakewechat.UnionID("platform", "carol")+"\r\n")
		out, exit, err := command(t, "users", "import", csv)
		require.Error(t, err)
		require.Equal(t, exitFailed, exit)
		require.Contains(t, out, "line 3 nickname is not", "and nothing is imported")
		require.NotContains(t, ok(t, "users", "list"), "小明")

		lines := `{"appId":"` + appID + `","openid":"` + open("alice") + `","nickname":"小明","phone":"+86 138-0000-1111","roles":["vip"],"metadata":{"oldId":4711},"createdAt":"2021-05-01T08:00:00+08:00"}

{"appId":"` + appID + `","openid":"` + open("bob") + `"}
`
		file := importFile(t, lines)
		require.Contains(t, ok(t, "users", "import", "--dry-run", file), "2 lines: 2 users would be created")
		require.NotContains(t, ok(t, "users", "list"), "小明")
		require.Contains(t, ok(t, "users", "import", file), "2 lines: 2 users created, 0 identities added to users who were there, 0 were known")
		var again map[string]any
		require.NoError(t, json.Unmarshal([]byte(ok(t, "users", "import", "--json", file)), &again))
		require.Equal(t, map[string]any{"lines": 2.0, "created": 0.0, "linked": 0.0, "known": 2.0, "problems": 0.0, "heldBack": 0.0, "dryRun": false}, again)

		a := p.login("alice")
		require.Equal(t, 200, a.status)
		var said struct {
			NewUser bool
			User    map[string]any
		}
		require.NoError(t, json.Unmarshal(a.body, &said))
		require.False(t, said.NewUser)
		require.Equal(t, "小明", said.User["nickname"])
		require.Equal(t, "138****1111", said.User["phone"])
		require.Equal(t, "2021-05-01T00:00:00Z", said.User["createdAt"])
		require.Contains(t, ok(t, "users", "list", "--phone", "13800001111"), "小明")
		require.Contains(t, ok(t, "users", "show", said.User["id"].(string)), `{"oldId":`)

		// A number of another person holds back its batch, with the line named.
		out, _, err = command(t, "users", "import", importFile(t, "appId,openid,phone\n"+appID+",o-dave,\n"+appID+",o-erin,13800001111\n"))
		require.ErrorContains(t, err, "1 lines cannot be imported, and 1 lines were held back")
		require.Contains(t, out, "line 3 has a phone number that another user holds")
		require.Contains(t, out, "0 users created")
	})
}

func TestEveryLineThatCannotBeImportedIsNamed(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		t.Setenv("WUGAN_WECHAT_APPS", appID+":"+appSecret)
		w.pod()
		person := `{"appId":"` + appID + `","openid":"o-`
		file := importFile(t, person+`1","phone":"13800001111"}
{"openid":"x"}
{"appId":"wxnone","openid":"x"}
`+person+`1"}
`+person+`2","roles":["a,b"]}
`+person+`3","metadata":[]}
`+person+`4","createdAt":"yesterday"}
`+person+`5","avatarUrl":"http://tmp/a.png"}
`+person+`6","phone":"110"}
`+person+`7","phone":"+86 13800001111"}
`+person+`8","openId2":"x"}
`+person+`9","nickname":7}
not JSON
`+person+`10"} {}
`+person+`good"}
`)
		out, exit, err := command(t, "users", "import", file)
		require.ErrorContains(t, err, "13 lines cannot be imported")
		require.Equal(t, exitFailed, exit)
		for line, problem := range map[int]string{
			2: "appId is missing", 3: "appId is not an app of the settings", 4: "has the appId and the openid of line 1", 5: "roles holds what is no role",
			6: "metadata is not a JSON object", 7: "createdAt is not a time", 8: "avatarUrl is not", 9: "phone is neither", 10: "has the phone number of line 1",
			11: "has a member that is not known", 12: "has a member nickname of another type", 13: "is not one JSON object", 14: "is not one JSON object",
		} {
			require.Contains(t, out, fmt.Sprintf("line %d %s", line, problem))
		}
		for text, problem := range map[string]string{
			"": "the file is empty", "openid\nx\n": "the columns appId and openid are needed", "appId,openid,Nickname\n": "column 3 is none of",
			"appId,openid,openid\n": "comes twice", "appId,openid\na,b,c\n": "1 lines cannot",
		} {
			_, exit, err := command(t, "users", "import", importFile(t, text))
			require.ErrorContains(t, err, problem)
			require.Equal(t, exitFailed, exit)
		}
		_, exit, _ = command(t, "users", "import")
		require.Equal(t, exitUsage, exit)
	})
}

var importRows = flag.Int("import-rows", 5000, "how many people the test of a large import brings in")

func TestALargeFileIsImportedInBatches(t *testing.T) {
	commandStores(t, func(t *testing.T, w *world) {
		t.Setenv("WUGAN_WECHAT_APPS", appID+":"+appSecret)
		t.Setenv("WUGAN_METADATA_CLAIMS", "oldId")
		p := w.pod()
		person := func(n int) string { return fmt.Sprintf("number-%d", n) }
		path := filepath.Join(t.TempDir(), "people.csv")
		f, err := os.Create(path)
		require.NoError(t, err)
		to := bufio.NewWriter(f)
		_, _ = fmt.Fprintln(to, "appId,openid,unionid,nickname,phone,metadata,createdAt")
		for n := range *importRows {
			_, _ = fmt.Fprintf(to, "%s,%s,%s,name %d,13%09d,\"{\"\"oldId\"\":%d}\",2024-01-01T08:%02d:%02dZ\n",
				appID, fakewechat.OpenID(appID, person(n)), fakewechat.UnionID("platform", person(n)), n, n, n, n/60%60, n%60)
		}
		require.NoError(t, to.Flush())
		require.NoError(t, f.Close())
		began := time.Now()
		require.Contains(t, ok(t, "users", "import", path), fmt.Sprintf("%d users created", *importRows))
		t.Logf("%d people in %s", *importRows, time.Since(began).Round(time.Second/10))
		for n := 0; n < *importRows; n += *importRows / 50 {
			in := p.login(person(n))
			require.Equal(t, 200, in.status, "%s", in.body)
			var said struct {
				NewUser     bool
				AccessToken string
				User        struct{ Nickname, CreatedAt string }
			}
			require.NoError(t, json.Unmarshal(in.body, &said))
			require.False(t, said.NewUser)
			require.Equal(t, fmt.Sprintf("name %d", n), said.User.Nickname)
			require.Equal(t, fmt.Sprintf("2024-01-01T08:%02d:%02dZ", n/60%60, n%60), said.User.CreatedAt)
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(said.AccessToken, ".")[1])
			require.NoError(t, err)
			var claims struct{ OldID int }
			require.NoError(t, json.Unmarshal(payload, &claims))
			require.Equal(t, n, claims.OldID, "the id of the old system")
		}
		began = time.Now()
		require.Contains(t, ok(t, "users", "import", path), fmt.Sprintf("%d were known", *importRows))
		t.Logf("again in %s", time.Since(began).Round(time.Second/10))
	})
}
