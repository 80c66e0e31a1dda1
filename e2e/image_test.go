//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/test/composefile"
	"github.com/wugan/wugan/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const app = "wx0123456789abcdef"

// stack is docker-compose.yml brought up service by service: our images by
// podman, with the environment, commands, mounts and rights of the file, the
// others as local programs. All share the machine's network, so that names and
// fixed ports become addresses of 127.0.0.1.
type stack struct {
	podman   *podman
	file     *composefile.File
	secrets  string
	replacer *strings.Replacer
	proxy    string // base address
	control  string
	database string // address, as the tests see it
}

func newStack(t *testing.T) *stack {
	t.Helper()
	file, err := composefile.Load(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	s := &stack{podman: newPodman(t), file: file, secrets: t.TempDir()}

	images := t.TempDir()
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "image-root"), filepath.Join(images, "out"), "e2e").CombinedOutput()
	require.NoError(t, err, string(out))
	s.podman.build(t, "migrate", images)
	s.podman.build(t, "wugan", images)

	out, err = exec.CommandContext(t.Context(), filepath.Join(root, "deploy", "compose", "make-secrets"), s.secrets).CombinedOutput()
	require.NoError(t, err, string(out))
	postgres := s.startPostgres(t)

	addresses := map[string]string{"postgres:5432": postgres}
	for _, name := range []string{"fakewechat:8090", "control:8091", "pod-a:8080", "pod-b:8080", "proxy:8080"} {
		addresses[name] = freeAddress(t)
	}
	s.proxy, s.control = "http://"+addresses["proxy:8080"], "http://"+addresses["control:8091"]
	var pairs []string
	for name, address := range addresses {
		pairs = append(pairs, name, address)
	}
	pairs = append(pairs,
		"--listen=:8090", "--listen="+addresses["fakewechat:8090"],
		"--control=:8091", "--control="+addresses["control:8091"],
		"listen 8080", "listen "+addresses["proxy:8080"])
	s.replacer = strings.NewReplacer(pairs...)
	for _, name := range []string{"database_url", "pgpass"} {
		path := filepath.Join(s.secrets, name)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(s.replacer.Replace(string(text))), 0o644))
	}
	text, err := os.ReadFile(filepath.Join(s.secrets, "database_url"))
	require.NoError(t, err)
	s.database = strings.TrimSpace(string(text))
	return s
}

// startPostgres stands for the service postgres: a server with the user, the
// password and the database that the file asks for. It returns its host:port.
func (s *stack) startPostgres(t *testing.T) string {
	t.Helper()
	want := s.file.Services["postgres"].Environment
	password, err := os.ReadFile(s.local(want["POSTGRES_PASSWORD_FILE"]))
	require.NoError(t, err)
	cluster := pgtest.NewCluster(t)
	user := pgx.Identifier{want["POSTGRES_USER"]}.Sanitize()
	database := pgx.Identifier{want["POSTGRES_DB"]}.Sanitize()
	// The cluster's own service role has that name already.
	require.NoError(t, cluster.Exec(t.Context(),
		fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", user, password),
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", database, user)))
	config, err := pgx.ParseConfig(cluster.Superuser(""))
	require.NoError(t, err)
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// local gives the place on this machine of a path below /secrets.
func (s *stack) local(path string) string {
	return filepath.Join(s.secrets, strings.TrimPrefix(path, "/secrets/"))
}

// args gives podman's arguments that stand for a service of the file.
func (s *stack) args(t *testing.T, name string, extra map[string]string) []string {
	t.Helper()
	service := s.file.Services[name]
	require.NotNil(t, service.Build, name)
	// The engine's default limits may be above what a build machine allows.
	args := []string{"--network=host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}
	if service.ReadOnly {
		// --read-only-tmpfs would give a writable /tmp, which Docker does not.
		args = append(args, "--read-only", "--read-only-tmpfs=false")
	}
	for _, capability := range service.CapDrop {
		args = append(args, "--cap-drop", capability)
	}
	for _, option := range service.SecurityOpt {
		// Podman knows this one without its value.
		args = append(args, "--security-opt", strings.TrimSuffix(option, ":true"))
	}
	for _, volume := range service.Volumes {
		rest, ok := strings.CutPrefix(volume, "secrets:")
		require.True(t, ok, volume)
		args = append(args, "--volume", s.secrets+":"+rest)
	}
	environment := map[string]string{}
	for key, value := range service.Environment {
		environment[key] = s.replacer.Replace(value)
	}
	for key, value := range extra {
		environment[key] = value
	}
	for key, value := range environment {
		args = append(args, "--env", key+"="+value)
	}
	args = append(args, service.Build.Target+":e2e")
	for _, word := range service.Command {
		args = append(args, s.replacer.Replace(word))
	}
	return args
}

// start runs a service in the background.
func (s *stack) start(t *testing.T, name string, extra map[string]string) {
	t.Helper()
	s.podman.remove(t, name)
	s.podman.output(t, append([]string{"run", "--detach", "--name", name}, s.args(t, name, extra)...)...)
}

func (s *stack) startProxy(t *testing.T) {
	t.Helper()
	need(t, "nginx=nginx-light")
	text, err := os.ReadFile(filepath.Join(root, "deploy", "compose", "nginx.conf"))
	require.NoError(t, err)
	dir := t.TempDir()
	config := strings.ReplaceAll(s.replacer.Replace(string(text)), "/tmp/nginx.pid", filepath.Join(dir, "nginx.pid"))
	path := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	cmd := exec.Command("/usr/sbin/nginx", "-c", path, "-g", "daemon off;")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // stopped by a signal, on purpose
	})
}

// The port is below those that the kernel gives to outgoing connections only by
// chance; a clash shows as a container that does not become healthy.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// call sends one JSON request and decodes the answer.
func call(t *testing.T, method, url, bearer string, body any, status int) map[string]any {
	t.Helper()
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, payload)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, "%s %s: %s", method, url, text)
	if len(text) == 0 {
		return nil
	}
	var answer map[string]any
	require.NoError(t, json.Unmarshal(text, &answer), string(text))
	return answer
}

func reachable(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

func (s *stack) login(t *testing.T, user string) map[string]any {
	t.Helper()
	code := call(t, http.MethodPost, s.control+"/login", "", map[string]any{"appId": app, "user": user}, 200)["code"]
	return call(t, http.MethodPost, s.proxy+"/api/v1/auth/login", "", map[string]any{"code": code}, 200)
}

// The images of the Dockerfile, started as docker-compose.yml says.
func TestTheComposeFilesImagesSignSomebodyIn(t *testing.T) {
	s := newStack(t)

	t.Run("neither image runs as root", func(t *testing.T) {
		for _, image := range []string{"wugan:e2e", "migrate:e2e"} {
			require.Equal(t, "65532:65532", s.podman.output(t, "image", "inspect", "--format", "{{.Config.User}}", image))
		}
	})
	t.Run("the health check fails where nothing listens", func(t *testing.T) {
		err := s.podman.command(t.Context(), append([]string{
			"run", "--rm", "--network=host",
			"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
			"--env", "WUGAN_ADDR=" + freeAddress(t),
		}, "wugan:e2e", "healthcheck")...).Run()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 1, exit.ExitCode())
	})

	t.Run("the key file is made once", func(t *testing.T) {
		keys := append([]string{"run", "--rm"}, s.args(t, "keys", nil)...)
		require.Contains(t, s.podman.output(t, keys...), "one ES256 key")
		require.Contains(t, s.podman.output(t, keys...), "kept")
	})

	s.start(t, "fakewechat", nil)
	pods := []string{"pod-a", "pod-b"}
	own := func(pod string) map[string]string {
		return map[string]string{"WUGAN_ADDR": s.replacer.Replace(pod + ":8080"), "WUGAN_METRICS_ADDR": "127.0.0.1:0"}
	}

	t.Run("goose migrates, and a second time changes nothing", func(t *testing.T) {
		s.podman.output(t, append([]string{"run", "--rm"}, s.args(t, "migrate", nil)...)...)
		version := func() (n int) {
			conn, err := pgx.Connect(t.Context(), s.database)
			require.NoError(t, err)
			defer conn.Close(t.Context())
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM goose_db_version").Scan(&n))
			return n
		}
		first := version()
		require.Greater(t, first, 1, "goose's own row and our migrations")
		s.podman.output(t, append([]string{"run", "--rm"}, s.args(t, "migrate", nil)...)...)
		require.Equal(t, first, version())
	})

	for _, pod := range pods {
		s.start(t, pod, own(pod))
	}
	s.startProxy(t)

	t.Run("the pods become healthy by the image's own check", func(t *testing.T) {
		for _, pod := range pods {
			require.Eventually(t, func() bool {
				return s.podman.command(t.Context(), "healthcheck", "run", pod).Run() == nil
			}, 30*time.Second, 200*time.Millisecond, pod)
		}
		require.Eventually(t, func() bool { return reachable(s.control) && reachable(s.proxy+"/readyz") },
			30*time.Second, 100*time.Millisecond)
	})

	t.Run("a pod has no rights and a root that is read-only", func(t *testing.T) {
		pid := s.podman.output(t, "inspect", "--format", "{{.State.Pid}}", "pod-a")
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		require.NoError(t, err)
		for _, line := range []string{
			"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532",
			"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
		} {
			require.Contains(t, string(status), line+"\n")
		}
		mounts, err := os.ReadFile(filepath.Join("/proc", pid, "mountinfo"))
		require.NoError(t, err)
		for _, line := range strings.Split(string(mounts), "\n") {
			if fields := strings.Fields(line); len(fields) > 5 && fields[4] == "/" {
				require.Contains(t, strings.Split(fields[5], ","), "ro")
				return
			}
		}
		require.Fail(t, "no root in mountinfo", string(mounts))
	})

	t.Run("somebody signs in, is known, and stays signed in, through the proxy", func(t *testing.T) {
		tokens := s.login(t, "alice")
		require.Equal(t, true, tokens["newUser"])
		for range 4 { // each pod is asked
			me := call(t, http.MethodGet, s.proxy+"/api/v1/users/me", tokens["accessToken"].(string), nil, 200)
			require.Equal(t, tokens["user"].(map[string]any)["id"], me["id"])
			tokens2 := call(t, http.MethodPost, s.proxy+"/api/v1/auth/refresh", "",
				map[string]any{"refreshToken": tokens["refreshToken"]}, 200)
			tokens["accessToken"], tokens["refreshToken"] = tokens2["accessToken"], tokens2["refreshToken"]
		}
		require.Equal(t, false, s.login(t, "alice")["newUser"])
	})

	t.Run("a business service verifies the tokens as docs/en/verify.md says", func(t *testing.T) {
		issuer := s.file.Services["pod-a"].Environment["WUGAN_ISSUER"]
		verifier := verify.New(issuer, issuer, verify.JWKS(s.proxy+"/.well-known/jwks.json"))
		tokens := s.login(t, "carol")
		claims, err := verifier.Verify(t.Context(), tokens["accessToken"].(string))
		require.NoError(t, err)
		require.Equal(t, tokens["user"].(map[string]any)["id"], claims.Subject)
	})

	t.Run("a code of the stand-in's for a first try is refused", func(t *testing.T) {
		problem := call(t, http.MethodPost, s.proxy+"/api/v1/auth/login", "", map[string]any{"code": "dev:alice"}, 400)
		require.Equal(t, "invalid_code", problem["code"])
	})

	t.Run("the proxy goes on with one pod, which stops in good order", func(t *testing.T) {
		s.podman.output(t, "stop", "--time", "20", "pod-a")
		require.Equal(t, "0", s.podman.output(t, "inspect", "--format", "{{.State.ExitCode}}", "pod-a"))
		for range 4 {
			s.login(t, "bob")
		}
	})

	t.Run("no secret is in the pods' logs", func(t *testing.T) {
		entries, err := os.ReadDir(s.secrets)
		require.NoError(t, err)
		for _, pod := range pods {
			logs, err := s.podman.command(t.Context(), "logs", pod).CombinedOutput()
			require.NoError(t, err)
			require.NotEmpty(t, logs, pod)
			for _, entry := range entries {
				if entry.IsDir() {
					continue
				}
				secret, err := os.ReadFile(filepath.Join(s.secrets, entry.Name()))
				require.NoError(t, err)
				require.NotContains(t, string(logs), strings.TrimSpace(string(secret)), entry.Name())
			}
		}
	})
}
