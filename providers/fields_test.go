package providers_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/providers"
)

func fields(t *testing.T, text string) providers.Fields {
	t.Helper()
	var f providers.Fields
	require.NoError(t, json.Unmarshal([]byte(text), &f))
	return f
}

func TestAMemberIsReadByItsExactNameAndType(t *testing.T) {
	f := fields(t, `{"text":"a","number":7,"digits":"-12","big":12345678901,"float":1.5,"null":null,"object":{"in":"b"},"list":[1],"flag":true,"empty":""}`)
	for name, want := range map[string]struct {
		has             bool
		text, either    string
		integer         int64
		isInteger, isOK bool
	}{
		"text":   {has: true, text: "a", either: "a"},
		"Text":   {isOK: true}, // encoding/json would match it with a struct's field
		"number": {has: true, either: "7", integer: 7, isInteger: true, isOK: true},
		"digits": {has: true, text: "-12", either: "-12", integer: -12, isInteger: true, isOK: true},
		"big":    {has: true, either: "12345678901", integer: 12345678901, isInteger: true, isOK: true},
		"float":  {has: true, either: "1.5"},
		"null":   {isOK: true},
		"absent": {isOK: true},
		"object": {has: true},
		"list":   {has: true},
		"flag":   {has: true},
		"empty":  {has: true},
	} {
		require.Equal(t, want.has, f.Has(name), name)
		require.Equal(t, want.text, f.Text(name), name)
		require.Equal(t, want.either, f.TextOrNumber(name), name)
		n, ok := f.Integer(name)
		require.Equal(t, want.isInteger, ok, name)
		require.Equal(t, want.integer, n, name)
		code, ok := f.Number(name)
		require.Equal(t, want.isOK, ok, name)
		if ok {
			require.EqualValues(t, want.integer, code, name)
		}
		if name != "object" {
			require.Nil(t, f.Object(name), name)
		}
	}
	require.Equal(t, "b", f.Object("object").Text("in"))
	require.Empty(t, f.Object("absent").Object("deeper").Text("in"), "a missing object has no members")
}

func TestAnErrcodeIsANumberOrAbsent(t *testing.T) {
	for text, want := range map[string]*providers.Error{
		`{}`:                   nil,
		`{"errcode":0}`:        nil,
		`{"errcode":"0"}`:      nil,
		`{"errcode":null}`:     nil,
		`{"ERRCODE":40029}`:    nil,
		`{"errcode":40029}`:    {Kind: providers.KindInvalidCode, Code: "40029"},
		`{"errcode":"40163"}`:  {Kind: providers.KindCodeUsed, Code: "40163"},
		`{"errcode":-1}`:       {Kind: providers.KindBusy, Code: "-1"},
		`{"errcode":99}`:       {Kind: providers.KindUnexpected, Code: "99"},
		`{"errcode":true}`:     {Kind: providers.KindUnexpected, Reason: "the errcode is not a number"},
		`{"errcode":""}`:       {Kind: providers.KindUnexpected, Reason: "the errcode is not a number"},
		`{"errcode":1e99}`:     {Kind: providers.KindUnexpected, Reason: "the errcode is not a number"},
		`{"errcode":"secret"}`: {Kind: providers.KindUnexpected, Reason: "the errcode is not a number"},
	} {
		require.Equal(t, want, judge(login, fields(t, text), []byte(text)), text)
	}
}

func TestEveryKindIsItsSentinelAndOutagesAreUnavailable(t *testing.T) {
	all := []error{
		providers.ErrUnexpected, providers.ErrInvalidCode, providers.ErrCodeUsed, providers.ErrUserBlocked, providers.ErrRateLimited,
		providers.ErrStaleSessionKey, providers.ErrBusy, providers.ErrUnavailable, providers.ErrRejectedApp, providers.ErrUnknownApp,
		providers.ErrNoIdentity,
	}
	c := newCaller(t, "", providers.Config{})
	for kind, want := range map[providers.Kind][]error{
		providers.KindUnexpected:      {providers.ErrUnexpected, providers.ErrUnavailable},
		providers.KindInvalidCode:     {providers.ErrInvalidCode},
		providers.KindCodeUsed:        {providers.ErrCodeUsed},
		providers.KindUserBlocked:     {providers.ErrUserBlocked},
		providers.KindRateLimited:     {providers.ErrRateLimited},
		providers.KindStaleSessionKey: {providers.ErrStaleSessionKey},
		providers.KindBusy:            {providers.ErrBusy, providers.ErrUnavailable},
		providers.KindUnavailable:     {providers.ErrUnavailable},
		providers.KindRejectedApp:     {providers.ErrRejectedApp},
		providers.KindUnknownApp:      {providers.ErrUnknownApp},
		providers.KindCanceled:        nil,
		providers.KindNoIdentity:      {providers.ErrNoIdentity},
		providers.KindAppToken:        {providers.ErrUnexpected, providers.ErrUnavailable},
	} {
		err := c.Refuse(login, kind, "why")
		for _, sentinel := range all {
			if slices.Contains(want, sentinel) {
				require.ErrorIs(t, err, sentinel, kind.String())
			} else {
				require.NotErrorIs(t, err, sentinel, kind.String())
			}
		}
		require.NotErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, time.Minute, c.Refuse(login, providers.KindRateLimited, "").RetryAfter)
	require.Zero(t, c.Refuse(login, providers.KindInvalidCode, "").RetryAfter, "waiting does not help")
}

func TestAnErrorSaysWhatIsKnown(t *testing.T) {
	for want, e := range map[string]*providers.Error{
		"example: login: unexpected": {Provider: "example", API: "login"},
		"example: login: busy, code -1, HTTP status 503: try later (rid 1-2)": {
			Provider: "example", API: "login", Kind: providers.KindBusy, Code: "-1", Status: 503, Reason: "try later", RequestID: "1-2",
		},
	} {
		require.EqualError(t, e, want)
	}
	require.EqualError(t, newCaller(t, "", providers.Config{}).Lacks(login, "an openid"), "example: login: unexpected: a success without an openid")
}
