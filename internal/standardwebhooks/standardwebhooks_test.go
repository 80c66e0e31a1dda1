package standardwebhooks

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The example of the specification's reference libraries.
func TestTheSpecificationsExampleIsSignedAsItSays(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	h := http.Header{}
	secret.SetHeaders(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", h.Get("webhook-signature"))
	require.Equal(t, "msg_p5jXN8AQM9LWM0D4loKWxJek", h.Get("webhook-id"))
	require.Equal(t, "1614265330", h.Get("webhook-timestamp"))
}

func TestASecretOfAnotherFormIsRefusedWithoutBeingRepeated(t *testing.T) {
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n))) }
	for _, text := range []string{"", "whsec_", bytes(24), "whsec_" + bytes(23), "whsec_" + bytes(65), "whsec_!" + bytes(24)} {
		_, err := ParseSecret(text)
		require.Error(t, err, text)
		if text != "" && text != "whsec_" {
			require.NotContains(t, err.Error(), strings.TrimPrefix(text, "whsec_"))
		}
	}
	for _, n := range []int{24, 64} {
		_, err := ParseSecret("whsec_" + bytes(n))
		require.NoError(t, err)
	}
}

func TestASecretPrintsInNoWay(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	nested := struct{ Inner, inner Secret }{secret, secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, value := range []any{secret, &secret, nested} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, "MfKQ")
			require.NotContains(t, printed, "49 242") // its first bytes
		}
	}
	data, err := json.Marshal(nested)
	require.NoError(t, err)
	require.JSONEq(t, `{"Inner": "[redacted]"}`, string(data))
	require.True(t, Secret{}.IsZero())
	require.False(t, secret.IsZero())
}
