package users_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/users"
)

func TestMetadataIsTakenInOneForm(t *testing.T) {
	t.Parallel()
	const spaced = ` { "b" : 1 , "a" : [ true , null , "x<y" ] } `
	for given, want := range map[string]string{
		`{}`: `{}`, spaced: `{"a":[true,null,"x<y"],"b":1}`,
		`{"n":-12.5,"z":0,"big":9007199254740992}`: `{"big":9007199254740992,"n":-12.5,"z":0}`,
		`{"名":"\u503c","half":"\ud800"}`:           `{"half":"` + "\ufffd" + `","名":"值"}`,
		`{"a":{"x":1},"b":{"x":2}}`:                `{"a":{"x":1},"b":{"x":2}}`,
		`{"list":[{"x":1},{"x":2}]}`:               `{"list":[{"x":1},{"x":2}]}`,
	} {
		got, err := users.NormalizeMetadata(json.RawMessage(given))
		require.NoError(t, err, given)
		require.Equal(t, want, string(got))
	}
}

func TestMetadataThatSomeReaderWouldTakeOtherwiseIsRefused(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]string{
		"nothing": ``, "null": `null`, "a list": `[]`, "a text": `"x"`, "half of it": `{"a":`, "no colon": `{"a" 1}`, "more behind it": `{"a":1} {}`,
		"one name twice": `{"a":1,"a":2}`, "two spellings": `{"tier":1,"Tier":2}`, "deep inside": `{"x":[{"a":1,"A":2}]}`,
		"after a nested value": `{"a":{"b":1},"A":2}`,
		"a zero character":     `{"a":"x\u0000"}`, "a zero in a name": `{"a\u0000":1}`, "zero in a list": `{"a":["\u0000"]}`,
		"a huge number": `{"a":1e300}`, "an integer no float holds": `{"a":90071992547409930}`, "next to nothing": `{"a":1e-300}`,
		"endless digits": `{"a":0.` + strings.Repeat("1", 100) + `}`,
		"too deep":       `{"a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`,
		"too long":       `{"a":"` + strings.Repeat("x", 2041) + `"}`,
	} {
		_, err := users.NormalizeMetadata(json.RawMessage(given))
		var input *users.InputError
		require.ErrorAs(t, err, &input, name)
		require.Equal(t, "metadata", input.Field)
	}
	_, err := users.NormalizeMetadata(json.RawMessage(`{"a":"` + strings.Repeat("x", 2040) + `"}`))
	require.NoError(t, err, "2048 bytes")
}

func FuzzMetadataThatIsTakenIsTakenAgain(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\ud800"}]}`))
	f.Fuzz(func(t *testing.T, given []byte) {
		once, err := users.NormalizeMetadata(given)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(once), users.MaxMetadata)
		require.True(t, utf8.Valid(once))
		twice, err := users.NormalizeMetadata(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

func TestRolesFitIntoAHeaderAndAToken(t *testing.T) {
	t.Parallel()
	require.NoError(t, users.CheckRoles(nil))
	require.NoError(t, users.CheckRoles([]string{"editor", "shop:refund", "A-1.b_2"}))
	for _, roles := range [][]string{{"a,b"}, {""}, {"-a"}, {"a b"}, {"编辑"}, {"a", "a"}, {strings.Repeat("a", 65)}, make([]string, 33)} {
		require.Error(t, users.CheckRoles(roles), roles)
	}
}

func TestNoChangeWithoutWhoAndWhy(t *testing.T) {
	t.Parallel()
	require.NoError(t, users.Change{Actor: "li.wei", Reason: "工单 4711"}.Check())
	for _, c := range []users.Change{
		{Reason: "why"},
		{Actor: "li.wei"},
		{Actor: "li.wei", Reason: "  "},
		{Actor: "李伟", Reason: "why"},
		{Actor: "a\nb", Reason: "why"},
		{Actor: strings.Repeat("a", 129), Reason: "why"},
		{Actor: "li.wei", Reason: strings.Repeat("字", 501)},
		{Actor: "li.wei", Reason: "a\x00b"},
		{Actor: "li.wei", Reason: "\xff"},
	} {
		var input *users.InputError
		require.ErrorAs(t, c.Check(), &input)
	}
}

func TestAPhoneNumberIsFoundHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"13800000000", "+8613800000000", "86 138 0000 0000", "0086-138-0000-0000", " +86 13800000000"} {
		forms := users.PhoneForms(typed)
		require.Contains(t, forms, "13800000000", typed)
		require.Contains(t, forms, "+8613800000000", typed)
	}
	require.Equal(t, []string{"4915112345678", "+4915112345678"}, users.PhoneForms("+49 151 12345678"))
	require.Empty(t, users.PhoneForms("nobody"))
	require.NotContains(t, users.PhoneForms("+85212345678"), "13800000000")
}
