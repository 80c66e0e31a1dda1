package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/config"
	"github.com/wugan/wugan/internal/keyfile"
)

// strong is what a password generator makes.
const strong = "uJ4rq0Zt8bXw1KpYv6Ns3MdLhC5gTfEa"

func TestAnAddressOfTheDatabaseWhoseHostIsNoneStopsTheStartUnprinted(t *testing.T) {
	for _, address := range []string{
		"postgres://wugan:hunter2@secret@db/wugan",
		"postgres://wugan:hunter2@se/cret@db/wugan",
		"postgres://wugan:hunter2@se#cret@db/wugan",
		"postgres://wugan:hunter2@se?a=cret@db/wugan",
		"postgres://wugan:hunter2@se:cret@db/wugan",
		"postgres://wugan:hunter2@secret!/wugan",
		"postgres://wugan:hunter2@se$cret/wugan",
		"postgres://wugan:hunter2@secret@db1,db2/wugan",
		"postgres://wugan:pw@db1,hunter2@secret/wugan",
		"postgres://wugan:pw@db/wugan?host=hunter2!secret",
		"postgres://wugan:pw@db/wugan?host=hunter2@secret",
		"postgres://wugan:pw@-hunter2/wugan",
		"postgres://wugan:pw@hunter2-/wugan",
		"postgres://wugan:pw@hunter2..secret/wugan",
		"postgres://wugan:pw@" + strings.Repeat("hunter2", 10) + "/wugan",
		"postgres://wugan:pw@密码hunter2/wugan",
		"postgresql://wugan:hunter2@secret@db/wugan",
	} {
		t.Run(address, func(t *testing.T) {
			goodEnvironment(t)
			set(t, "DATABASE_URL", address)
			refuses(t, "DATABASE_URL", "%40", address, "hunter2", "secret", "cret")
		})
	}
	for _, address := range []string{
		"postgres://wugan:hunter2%40secret@db/wugan",
		"postgres://wugan:pw@db_1.example.com.:5432,10.0.0.1:5433/wugan?target_session_attrs=read-write",
		"postgres://wugan:pw@[::1]:5432/wugan",
		"postgres://wugan:pw@[fe80::1%25eth0]/wugan",
		"postgres://wugan:pw@%2Fvar%2Frun%2Fpostgresql/wugan",
		"postgres:///wugan?host=/var/run/postgresql&user=wugan",
		"postgres:///wugan?host=db&user=wugan&password=p@ss",
	} {
		t.Run(address, func(t *testing.T) {
			goodEnvironment(t)
			set(t, "DATABASE_URL", address)
			_, err := config.Load()
			require.NoError(t, err)
		})
	}
}

func TestASecretThatIsNoneStopsTheStartAndIsNamed(t *testing.T) {
	weak := map[string]string{
		"one character":                  strings.Repeat("a", 32),
		"a word repeated":                strings.Repeat("changeme", 4),
		"a word repeated and cut":        strings.Repeat("change-me!", 4)[:35],
		"nine characters":                "abcdefghi" + strings.Repeat("iabcdefgh", 3),
		"ten characters, repeated":       strings.Repeat("abcdefghij", 4),
		"digits counted up":              strings.Repeat("0123456789", 4),
		"a word repeated, with an end":   strings.Repeat("secret", 6) + "!",
		"two characters":                 strings.Repeat("ab", 20) + "b" + strings.Repeat("ab", 5),
		"one character but for the last": strings.Repeat("x", 40) + "1234567890",
	}
	for name, value := range weak {
		for _, setting := range []string{"ACCESS_SECRET", "REFRESH_SECRET", "ADMIN_KEY", "GATEWAY_KEY"} {
			t.Run(setting+" of "+name, func(t *testing.T) {
				goodEnvironment(t)
				if kind, found := strings.CutSuffix(setting, "_SECRET"); found {
					unset(t, kind+"_KEYS")
				}
				set(t, setting, value)
				refuses(t, setting, "openssl rand", value)
			})
		}
	}
	for name, raw := range map[string][]byte{
		"zeros":          make([]byte, 32),
		"nearly zeros":   append(make([]byte, 29), 1, 2, 3),
		"one byte":       []byte(strings.Repeat("\x07", 32)),
		"eight repeated": []byte(strings.Repeat("\x01\x02\x03\x04\x05\x06\x07\x08", 4)),
		"counted up":     []byte(strings.Repeat("0123456789", 4)[:32]),
	} {
		t.Run("DATA_KEY of "+name, func(t *testing.T) {
			goodEnvironment(t)
			text := base64.StdEncoding.EncodeToString(raw)
			set(t, "DATA_KEY", text)
			refuses(t, "DATA_KEY", "openssl rand -base64 32", text)
		})
	}
	t.Run("one of several API keys", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "API_KEYS", "shop:service:"+strong+",desk:support:"+strings.Repeat("changeme", 4))
		refuses(t, "API_KEYS", "key desk: expected a random string", strong, "changeme")
	})
	t.Run("an EncodingAESKey of one letter", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "WECHAT_PUSH", appID+":token123:"+strings.Repeat("a", 43))
		refuses(t, "WECHAT_PUSH", "EncodingAESKey", strings.Repeat("a", 43))
	})
	t.Run("an old data key may be what it was, or it could not be left behind", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "DATA_KEY_OLD", base64.StdEncoding.EncodeToString(make([]byte, 32)))
		_, err := startUp(t)
		require.NoError(t, err)
	})
}

func TestNoSecretServesTwoPurposes(t *testing.T) {
	for later, earlier := range map[string]string{
		"ADMIN_KEY": "ACCESS_SECRET", "GATEWAY_KEY": "REFRESH_SECRET", "REFRESH_SECRET": "ACCESS_SECRET",
	} {
		t.Run(later, func(t *testing.T) {
			goodEnvironment(t)
			for _, name := range []string{later, earlier} {
				if kind, found := strings.CutSuffix(name, "_SECRET"); found {
					unset(t, kind+"_KEYS")
				}
				set(t, name, strong)
			}
			refuses(t, later, "WUGAN_"+earlier, strong)
		})
	}
	t.Run("the data key", func(t *testing.T) {
		goodEnvironment(t)
		c, err := config.Load()
		require.NoError(t, err)
		set(t, "ADMIN_KEY", c.DataKey.Reveal())
		refuses(t, "ADMIN_KEY", "WUGAN_DATA_KEY", c.DataKey.Reveal())
	})
	t.Run("an API key", func(t *testing.T) {
		goodEnvironment(t)
		unset(t, "REFRESH_KEYS")
		set(t, "REFRESH_SECRET", strong)
		set(t, "API_KEYS", "shop:service:"+strong)
		refuses(t, "API_KEYS", "WUGAN_REFRESH_SECRET", strong)
	})
	t.Run("an app's secret", func(t *testing.T) {
		goodEnvironment(t)
		set(t, "WECHAT_APPS", appID+":"+strong)
		set(t, "ADMIN_KEY", strong)
		refuses(t, "ADMIN_KEY", "WUGAN_WECHAT_APPS", strong)
	})
}

func TestAPrivateKeyFileThatOthersMayReadStopsTheStart(t *testing.T) {
	folder := t.TempDir()
	for name, mode := range map[string]os.FileMode{"everybody": 0o644, "others alone": 0o604, "others may write": 0o602} {
		for setting, algorithm := range map[string]string{"ACCESS_KEYS": "ES256", "REFRESH_KEYS": "HS256"} {
			t.Run(setting+" "+name, func(t *testing.T) {
				goodEnvironment(t)
				path := filepath.Join(t.TempDir(), "keys.jwks")
				require.NoError(t, keyfile.Create(path, keySet(t, algorithm)))
				require.NoError(t, os.Chmod(path, mode))
				set(t, setting, path)
				refuses(t, setting, "chmod", folder)
				require.NoError(t, os.Chmod(path, 0o640))
				_, err := startUp(t)
				require.NoError(t, err, "a group may read it: a mounted secret's does")
			})
		}
	}
}

func TestAMisspeltSettingStopsTheStartAndNamesTheNearest(t *testing.T) {
	for wrong, nearest := range map[string]string{
		"WUGAN_ISUER":          "WUGAN_ISSUER",
		"WUGAN_DATABASEURL":    "WUGAN_DATABASE_URL",
		"WUGAN_DB_URL":         "WUGAN_DATABASE_URL",
		"WUGAN_ADMIN_KEYS":     "WUGAN_ADMIN_KEY",
		"WUGAN_ADMIN_KEY_FLIE": "WUGAN_ADMIN_KEY_FILE",
		"WUGAN_TRUSTED_PROXY":  "WUGAN_TRUSTED_PROXIES",
		"WUGAN_issuer":         "WUGAN_ISSUER",
		"WUGAN_METRICS_PORT":   "WUGAN_METRICS_ADDR",
		"WUGAN_MAX_SESSION":    "WUGAN_MAX_SESSIONS_PER_USER",
		"WUGAN_GRACE":          "WUGAN_REFRESH_GRACE",
		"WUGAN_RATE_LIMIT":     "WUGAN_LOGIN_RATE",
	} {
		t.Run(wrong, func(t *testing.T) {
			goodEnvironment(t)
			t.Setenv(wrong, "hunter2")
			_, err := config.Load()
			require.ErrorContains(t, err, wrong+": expected one of wugan's settings")
			require.ErrorContains(t, err, nearest+"?")
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	t.Run("an empty one, too", func(t *testing.T) {
		goodEnvironment(t)
		t.Setenv("WUGAN_GATEWAYKEY", "")
		_, err := config.Load()
		require.ErrorContains(t, err, "WUGAN_GATEWAY_KEY?")
	})
}

func TestWhatKubernetesAndDockerSayOfAServiceIsNoSetting(t *testing.T) {
	goodEnvironment(t)
	for name, value := range map[string]string{
		// A service wugan, one wugan-metrics, one wugan-2.
		"WUGAN_SERVICE_HOST": "10.0.0.1", "WUGAN_SERVICE_PORT": "8080", "WUGAN_SERVICE_PORT_HTTP": "8080",
		"WUGAN_PORT": "tcp://10.0.0.1:8080", "WUGAN_PORT_8080_TCP": "tcp://10.0.0.1:8080", "WUGAN_PORT_8080_TCP_PROTO": "tcp",
		"WUGAN_PORT_8080_TCP_PORT": "8080", "WUGAN_PORT_8080_TCP_ADDR": "10.0.0.1",
		"WUGAN_METRICS_SERVICE_HOST": "10.0.0.2", "WUGAN_METRICS_SERVICE_PORT": "9090", "WUGAN_METRICS_SERVICE_PORT_METRICS_TLS": "9090",
		"WUGAN_METRICS_PORT": "tcp://10.0.0.2:9090", "WUGAN_METRICS_PORT_9090_TCP_ADDR": "10.0.0.2",
		"WUGAN_2_PORT_53_UDP": "udp://10.0.0.3:53", "WUGAN_2_SERVICE_HOST": "fd00::3",
		// Another program's.
		"WUGANG_ISSUER": "x",
	} {
		t.Setenv(name, value)
	}
	_, err := startUp(t)
	require.NoError(t, err)
}

func TestServeNeedsAnIssuerOfItsOwn(t *testing.T) {
	goodEnvironment(t)
	unset(t, "ISSUER")
	refuses(t, "ISSUER", "not set")
	c, err := config.Load()
	require.NoError(t, err, "what other commands do needs none")
	require.Empty(t, c.Issuer)
}

func TestTheFileOfACertificatesKeyIsReportedByItsOwnName(t *testing.T) {
	cert, key := certificate(t)
	other, otherKey := certificate(t)
	missing := filepath.Join(t.TempDir(), "none.pem")
	text := filepath.Join(t.TempDir(), "text.pem")
	require.NoError(t, os.WriteFile(text, []byte(hex.EncodeToString([]byte("no PEM at all"))), 0o600))
	for name, c := range map[string]struct{ cert, key, named, expected string }{
		"no key file":         {cert, missing, "TLS_KEY", "no such file"},
		"no certificate file": {missing, key, "TLS_CERT", "no such file"},
		"another's key":       {cert, otherKey, "TLS_KEY", "belongs to WUGAN_TLS_CERT"},
		"no certificate":      {text, key, "TLS_CERT", "PEM form"},
		"no key":              {cert, text, "TLS_KEY", "PEM form"},
		"mixed up":            {key, cert, "TLS_CERT", "PEM form"},
		"twice the same":      {other, other, "TLS_KEY", "PEM form"},
	} {
		t.Run(name, func(t *testing.T) {
			goodEnvironment(t)
			set(t, "TLS_CERT", c.cert)
			set(t, "TLS_KEY", c.key)
			refuses(t, c.named, c.expected)
		})
	}
	t.Run("a key that others may read", func(t *testing.T) {
		goodEnvironment(t)
		require.NoError(t, os.Chmod(key, 0o644))
		set(t, "TLS_CERT", cert)
		set(t, "TLS_KEY", key)
		refuses(t, "TLS_KEY", "chmod")
	})
}

// certificate makes a self-signed certificate and its key, in files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return cert, key
}
