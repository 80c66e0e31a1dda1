// Package verify_test runs the snippets of the pages docs/*/verify-*.md as programs,
// beside the real wugan, and holds the pages to the files.
package verify_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/devserver"
)

func TestMain(m *testing.M) { devserver.Main(m) }

// life is short enough to wait for its end, and long enough for everything before.
const life = 10 * time.Second

// program starts a snippet that trusts issuer and returns its address.
type program func(t *testing.T, issuer string) string

func programs(t *testing.T) map[string]program {
	t.Helper()
	need(t, "/usr/bin/python3=python3", "/usr/lib/python3/dist-packages/jwt/__init__.py=python3-jwt",
		"/usr/lib/python3/dist-packages/jwcrypto/__init__.py=python3-jwcrypto", "node=nodejs", "npm",
		"php=php-cli", "/usr/share/php/phpseclib3/autoload.php=php-phpseclib3", "/usr/share/php/GuzzleHttp/autoload.php=php-guzzlehttp-guzzle",
		"/usr/share/php/Symfony/Component/Cache/autoload.php=php-symfony-cache",
		"javac=default-jdk-headless", "/usr/share/java/jackson-databind.jar=libjackson2-databind-java")
	node, classes := installed(t, "node"), compiled(t, "java")
	start := func(name string, args ...string) program {
		return func(t *testing.T, issuer string) string {
			t.Helper()
			address := devserver.FreeAddress(t)
			devserver.Run(t, "http://"+address+"/healthz", []string{"AUTH_URL=" + issuer, "ADDR=" + address, "PYTHONDONTWRITEBYTECODE=1", "CACHE=" + t.TempDir()},
				name, withAddress(args, address)...)
			return "http://" + address + "/orders"
		}
	}
	return map[string]program{
		"Go":               start(devserver.Build(t, "github.com/wugan/wugan/examples/verify/go")),
		"Node with jose":   start("node", filepath.Join(node, "service.mjs")),
		"Python, PyJWT":    start("/usr/bin/python3", "python/service.py", "wugan_pyjwt"),
		"Python, jwcrypto": start("/usr/bin/python3", "python/service.py", "wugan_jwcrypto"),
		"PHP, phpseclib":   start("php", "-S", "ADDR", "php/service.php"),
		"Java, the JDK":    start("java", "-cp", classes, "Service"),
	}
}

// withAddress puts the address in the place of ADDR.
func withAddress(args []string, address string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "ADDR"); i >= 0 {
		args[i] = address
	}
	return args
}

// compiled compiles the Java files of a folder and returns the class path.
func compiled(t *testing.T, folder string) string {
	t.Helper()
	const libraries = "/usr/share/java/jackson-databind.jar:/usr/share/java/jackson-core.jar:/usr/share/java/jackson-annotations.jar"
	target := t.TempDir()
	command := exec.CommandContext(t.Context(), "javac", "-cp", libraries, "-d", target,
		filepath.Join(folder, "Wugan.java"), filepath.Join(folder, "Service.java"))
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return target + ":" + libraries
}

func need(t *testing.T, specs ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "../../scripts/need", specs...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// installed copies a folder and installs its packages there.
func installed(t *testing.T, folder string) string {
	t.Helper()
	target := t.TempDir()
	require.NoError(t, os.CopyFS(target, os.DirFS(folder)))
	command := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	command.Dir = target
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return target
}

func TestTheSnippetsLetOnlyHoldersOfGoodTokensIn(t *testing.T) {
	t.Parallel()
	snippets := programs(t)
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel() // each mostly waits for tokens to expire
			wugan := devserver.Start(t, "WUGAN_ACCESS_TTL="+life.String(), "WUGAN_ACCESS_KEYS="+devserver.Keys(t, algorithm))
			foreign := devserver.Start(t, "WUGAN_ACCESS_KEYS="+devserver.Keys(t, algorithm))
			addresses := map[string]string{}
			for name, start := range snippets {
				addresses[name] = start(t, wugan.URL)
			}
			alice, stranger := wugan.Login(t, "alice"), foreign.Login(t, "mallory")
			for name, address := range addresses {
				t.Run(name, func(t *testing.T) {
					got := call(t, address, "Bearer "+alice.AccessToken)
					require.Equal(t, http.StatusOK, got.status, got.body)
					require.Equal(t, alice.User.ID, got.body["userId"])
					require.Equal(t, http.StatusOK, call(t, address, "bearer "+alice.AccessToken).status)

					for code, authorizations := range map[string][]string{
						"token_missing": {"", "Basic YTpi", "Bearer"},
						"token_invalid": {
							"Bearer x", "Bearer x.y.z",
							"Bearer " + alice.RefreshToken,
							"Bearer " + stranger.AccessToken,
							"Bearer " + tampered(alice.AccessToken),
							"Bearer " + unsigned(t, alice.AccessToken),
						},
					} {
						for _, authorization := range authorizations {
							got := call(t, address, authorization)
							require.Equal(t, http.StatusUnauthorized, got.status, authorization)
							if authorization != "Bearer" { // a missing token to some, an invalid one to others
								require.Equal(t, code, got.body["code"], authorization)
							}
							require.Contains(t, got.challenge, "Bearer")
						}
					}
				})
			}
			for name, address := range addresses {
				require.Eventually(t, func() bool {
					return call(t, address, "Bearer "+alice.AccessToken).body["code"] == "token_expired"
				}, 2*life, 100*time.Millisecond, name)
			}
		})
	}
}

func TestTheSnippetsLogNobodyOutWhileTheKeysCannotBeHad(t *testing.T) {
	t.Parallel()
	snippets := programs(t)
	wugan := devserver.Start(t)
	alice := wugan.Login(t, "alice")
	nobody := "http://" + devserver.FreeAddress(t)
	for name, start := range snippets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := start(t, nobody)
			got := call(t, address, "Bearer "+alice.AccessToken)
			require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
			require.Equal(t, "keys_unavailable", got.body["code"])
			require.NotEmpty(t, got.retryAfter)
			require.Equal(t, "token_missing", call(t, address, "").body["code"])
		})
	}
}

var base64url = base64.RawURLEncoding

// tampered changes a byte of the payload.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	middle := len(parts[1]) / 2
	letter := "A"
	if parts[1][middle] == 'A' {
		letter = "B"
	}
	return parts[0] + "." + parts[1][:middle] + letter + parts[1][middle+1:] + "." + parts[2]
}

// unsigned says alg none, and keeps the kid.
func unsigned(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	var header map[string]any
	data, err := base64url.DecodeString(parts[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &header))
	header["alg"] = "none"
	data, err = json.Marshal(header)
	require.NoError(t, err)
	return base64url.EncodeToString(data) + "." + parts[1] + "."
}

type answer struct {
	status                int
	challenge, retryAfter string
	body                  map[string]any
}

func call(t *testing.T, address, authorization string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := answer{status: response.StatusCode, challenge: response.Header.Get("WWW-Authenticate"), retryAfter: response.Header.Get("Retry-After")}
	require.NoError(t, json.Unmarshal(data, &got.body), "%s", data)
	return got
}

func TestThePagesShowTheFilesAsTheyAre(t *testing.T) {
	pages, err := filepath.Glob("../../docs/en/verify-*.md")
	require.NoError(t, err)
	var page []byte
	for _, name := range pages {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		page = append(page, text...)
	}
	snippet := regexp.MustCompile("(?s)\\[[^]]*\\]\\((?:\\.\\./)+examples/verify/([^)]+)\\):\n\n```[a-z]+\n(.*?)```\n")
	var shown []string
	for _, match := range snippet.FindAllStringSubmatch(string(page), -1) {
		file, err := os.ReadFile(match[1])
		require.NoError(t, err)
		require.Equal(t, string(file), match[2], match[1])
		shown = append(shown, match[1])
	}
	require.ElementsMatch(t, []string{
		"go/main.go", "node/wugan.mjs", "python/keys.py", "python/wugan_pyjwt.py", "python/wugan_jwcrypto.py",
		"java/Wugan.java", "java/SecurityConfig.java", "php/wugan.php",
	}, shown)
}
