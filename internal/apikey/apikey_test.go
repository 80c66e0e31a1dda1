package apikey_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/apikey"
)

const (
	key1 = "hunter2-0123456789abcdefghijklmnop"
	key2 = "hunter3-0123456789abcdefghijklmnop"
)

func TestAScopeAllowsWhatTheContractSays(t *testing.T) {
	allowed := map[apikey.Scope][]apikey.Scope{
		apikey.Gateway: {apikey.Gateway},
		apikey.Service: {apikey.Gateway, apikey.Service},
		apikey.Support: {apikey.Support},
		apikey.Admin:   {apikey.Support, apikey.Admin},
	}
	for _, scope := range apikey.Scopes() {
		for _, needed := range apikey.Scopes() {
			require.Equal(t, contains(allowed[scope], needed), scope.Allows(needed), "%s for %s", scope, needed)
		}
	}
}

func contains(list []apikey.Scope, one apikey.Scope) bool {
	for _, s := range list {
		if s == one {
			return true
		}
	}
	return false
}

func TestKeysAreReadAndFound(t *testing.T) {
	keys, err := apikey.Parse([]string{"shop:service:" + key1, "shop:service:" + key2, "anna.b_c-d:support:a:key:with:colons:0123456789abcdef"})
	require.NoError(t, err)
	set := apikey.NewSet(keys...)
	for _, text := range []string{key1, key2} {
		key, ok := set.Find(text)
		require.True(t, ok)
		require.Equal(t, "shop", key.Name)
	}
	key, ok := set.Find("a:key:with:colons:0123456789abcdef")
	require.True(t, ok)
	require.Equal(t, apikey.Support, key.Scope)
	for _, text := range []string{"", key1[1:], key1 + "x", strings.ToUpper(key1)} {
		_, ok := set.Find(text)
		require.False(t, ok, text)
	}
	require.True(t, set.Any(apikey.Gateway))
	require.True(t, set.Any(apikey.Support))
	require.False(t, set.Any(apikey.Admin))

	set.Replace(keys[1:2])
	_, ok = set.Find(key1)
	require.False(t, ok, "a key that was taken out")
	require.False(t, set.Any(apikey.Support))
	var none *apikey.Set
	require.False(t, none.Any(apikey.Gateway))
	_, ok = none.Find("")
	require.False(t, ok)
}

func TestKeysThatCannotWorkAreRefusedWithoutBeingRepeated(t *testing.T) {
	for _, fields := range [][]string{
		{"shop"},
		{"shop:" + key1},
		{":service:" + key1},
		{"Shop:service:" + key1},
		{strings.Repeat("n", 33) + ":service:" + key1},
		{"shop:root:" + key1},
		{"shop:Service:" + key1},
		{"shop:service:hunter2"},
		{"shop:service:" + key1 + " "},
		{"shop:service:" + key1 + "钥"},
		{"shop:service:" + key1, "anna:admin:" + key1},
		{"shop:service:" + key1, "shop:admin:" + key2},
	} {
		_, err := apikey.Parse(fields)
		require.Error(t, err, "%v", fields)
		require.NotContains(t, err.Error(), "hunter")
	}
}

func TestAKeyPrintsInNoWay(t *testing.T) {
	keys, err := apikey.Parse([]string{"shop:service:" + key1})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, keys), "hunter")
		require.NotContains(t, fmt.Sprintf(verb, keys[0]), "68756e746572")
	}
}
