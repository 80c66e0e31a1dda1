package userimport_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
	"github.com/wugan/wugan/internal/seal"
	"github.com/wugan/wugan/internal/test/sqlitetest"
	"github.com/wugan/wugan/internal/userimport"
	"github.com/wugan/wugan/store/sqlite"
	"github.com/wugan/wugan/users"
)

// importer runs imports into a SQLite file and keeps what it is told of lines.
type importer struct {
	userimport.Job
	t        *testing.T
	store    *sqlite.Store
	problems []string
	progress []string
}

func newImporter(t *testing.T) *importer {
	t.Helper()
	store := sqlitetest.Open(t, auth.Lifetimes{})
	key, err := seal.ParseKey("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
	require.NoError(t, err)
	i := &importer{t: t, store: store}
	i.Job = userimport.Job{
		Store: store, Vault: seal.NewBox(key), Now: time.Now(),
		Apps:     map[string]userimport.App{"wx1": {Provider: "wechat", Account: users.DefaultAccount}},
		Problem:  func(line int, problem string) { i.problems = append(i.problems, fmt.Sprintf("%d %s", line, problem)) },
		Progress: func(done, all int) { i.progress = append(i.progress, fmt.Sprintf("%d/%d", done, all)) },
	}
	return i
}

func (i *importer) run(file string) (userimport.Result, error) {
	i.problems, i.progress = nil, nil
	return i.Run(i.t.Context(), strings.NewReader(file))
}

// found returns the user of an openid.
func (i *importer) found(openID string) users.Person {
	i.t.Helper()
	people, err := i.store.FindUsers(i.t.Context(), users.Query{AppID: "wx1", OpenID: openID, Limit: 1})
	require.NoError(i.t, err)
	require.Len(i.t, people, 1)
	return people[0]
}

func TestBothFormsOfAFileSayTheSame(t *testing.T) {
	t.Parallel()
	for form, file := range map[string]string{
		"CSV": "\xef\xbb\xbfappId,openid,unionid,nickname,avatarUrl,phone,roles,metadata,createdAt\r\n" +
			"wx1,o-1,u-1,\"爱, 丽丝\",https://cdn.example.com/a.png,+86 138-0000-1111,\"vip, editor\",\"{\"\"tier\"\":\"\"gold\"\"}\",2024-05-01T08:00:00+08:00\r\n",
		"JSON lines": "\n" + `{"appId":"wx1","openid":"o-1","unionid":"u-1","nickname":"爱, 丽丝","avatarUrl":"https://cdn.example.com/a.png","phone":"13800001111","roles":["vip","editor"],"metadata":{"tier":"gold"},"createdAt":"2024-05-01T00:00:00Z"}` + "\n\n",
	} {
		i := newImporter(t)
		i.DryRun = true
		r, err := i.run(file)
		require.NoError(t, err, form)
		require.Equal(t, userimport.Result{Lines: 1, Created: 1}, r, "%s: %v", form, i.problems)
		people, err := i.store.FindUsers(t.Context(), users.Query{Limit: 1})
		require.NoError(t, err)
		require.Empty(t, people, "a dry run keeps nothing")

		i.DryRun = false
		r, err = i.run(file)
		require.NoError(t, err, form)
		require.Equal(t, userimport.Result{Lines: 1, Created: 1}, r)
		require.Equal(t, []string{"1/1"}, i.progress)
		p := i.found("o-1")
		require.Equal(t, "爱, 丽丝", p.Nickname)
		require.Equal(t, []string{"vip", "editor"}, p.Roles)
		require.JSONEq(t, `{"tier":"gold"}`, string(p.Metadata))
		require.Equal(t, time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), p.CreatedAt.UTC())
		require.NotEmpty(t, p.SealedPhone)
		r, err = i.run(file)
		require.NoError(t, err)
		require.Equal(t, userimport.Result{Lines: 1, Known: 1}, r, "a file may be imported again")
	}
}

func TestEveryWrongLineIsToldAndNothingIsImported(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	r, err := i.run(strings.Join([]string{
		`{"appId":"wx1","openid":"good","phone":"13800001111","unionid":"u"}`,
		`{"openid":"x"}`,
		`{"appId":"wx0","openid":"x"}`,
		`{"appId":"wx1"}`,
		`{"appId":"wx1","openid":"a b"}`,
		`{"appId":"wx1","openid":"c","unionid":"名"}`,
		`{"appId":"wx1","openid":"d","nickname":"\u0001"}`,
		`{"appId":"wx1","openid":"e","avatarUrl":"http://tmp/1.png"}`,
		`{"appId":"wx1","openid":"f","phone":"12345"}`,
		`{"appId":"wx1","openid":"g","roles":["a b"]}`,
		`{"appId":"wx1","openid":"h","metadata":[]}`,
		`{"appId":"wx1","openid":"i","createdAt":"yesterday"}`,
		`{"appId":"wx1","openid":"good"}`,
		`{"appId":"wx1","openid":"j","phone":"+8613800001111"}`,
		`{"appId":7}`,
		`{"appId":"wx1","openid":"k","password":"hunter2"}`,
		`{"appId":"wx1","openid":"l"} {}`,
		`{"appId":"wx1","openid":"` + strings.Repeat("x", 70<<10) + `"}`,
	}, "\n"))
	require.NoError(t, err)
	require.Equal(t, userimport.Result{Lines: 18, Problems: 17, Withheld: 18}, r)
	for n, want := range []string{
		"2 appId is missing", "3 appId is not an app", "4 openid is missing", "5 openid is not", "6 unionid is not", "7 nickname is not", "8 avatarUrl is not",
		"9 phone is neither", "10 roles", "11 metadata", "12 createdAt", "13 has the appId and the openid of line 1",
		"14 has the phone number of line 1, which is another person", "15 has a member appId of another type", "16 has a member that is not known",
		"17 is not one JSON object", "18 has more than 65536 bytes",
	} {
		require.Contains(t, i.problems[n], want)
		require.NotContains(t, i.problems[n], "hunter2")
	}
	people, err := i.store.FindUsers(t.Context(), users.Query{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, people)

	i.Vault = nil
	r, err = i.run(`{"appId":"wx1","openid":"good","phone":"13800001111"}`)
	require.NoError(t, err)
	require.Equal(t, 1, r.Problems)
	require.Contains(t, i.problems[0], "WUGAN_DATA_KEY")
	r, err = i.run("appId,openid\nwx1,\"o\nwx1,o-2\n")
	require.NoError(t, err)
	require.NotZero(t, r.Problems)
	require.Contains(t, i.problems[0], "is no CSV")
}

func TestAFileThatIsNoneOfTheFormsIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	for file, says := range map[string]string{
		"":                       "the file is empty",
		" \n\n":                  "the file is empty",
		"appId,name\n":           "column 2 is none of",
		"appId,openid,appId\n":   "comes twice",
		"appId,nickname\nwx1,a ": "are needed",
		"\"appId\nwx1":           "the header cannot be read",
	} {
		_, err := newImporter(t).run(file)
		require.ErrorContains(t, err, says, "%q", file)
	}
}

func TestATakenPhoneNumberHoldsItsBatchBack(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	_, err := i.run(`{"appId":"wx1","openid":"holder","phone":"13800001111"}`)
	require.NoError(t, err)
	var lines strings.Builder
	for n := range userimport.BatchSize + 1 {
		phone := ""
		if n == 1 {
			phone = `,"phone":"13800001111"`
		}
		fmt.Fprintf(&lines, `{"appId":"wx1","openid":"o-%d"%s}`+"\n", n, phone)
	}
	r, err := i.run(lines.String())
	require.NoError(t, err)
	require.Equal(t, userimport.Result{Lines: userimport.BatchSize + 1, Created: 1, Problems: 1, Withheld: userimport.BatchSize}, r)
	require.Equal(t, []string{"2 has a phone number that another user holds"}, i.problems)
	i.found("o-500")
}

// changing is a file that is another one when it is read again.
type changing struct {
	*strings.Reader
	again string
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	c.Reset(c.again)
	return c.Reader.Seek(offset, whence)
}

func TestAFileThatChangesWhileItIsReadIsLeft(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	for _, again := range []string{`{"appId":"wx0","openid":"o"}`, `{"appId":`} {
		_, err := i.Run(t.Context(), io.ReadSeeker(&changing{strings.NewReader(`{"appId":"wx1","openid":"o"}`), again}))
		require.ErrorContains(t, err, "the file was changed")
	}
}
