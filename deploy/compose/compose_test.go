// Package compose_test holds docker-compose.yml against the files that it
// refers to. The run of its services is in e2e/.
package compose_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/internal/test/composefile"
)

const root = "../.."

func load(t *testing.T) *composefile.File {
	t.Helper()
	f, err := composefile.Load(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, f.Services)
	return f
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// Where Docker's own reader is installed, it must take the file as well.
func TestDockerComposeReadsTheFile(t *testing.T) {
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() != nil {
		load(t) // our strict reader is what there is
		return
	}
	cmd := exec.CommandContext(t.Context(), "docker", "compose", "config", "--quiet")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestAMistypedWordIsNoticed(t *testing.T) {
	for _, text := range []string{
		"services: {a: {imgae: x}}",
		"servces: {}",
		"services: {a: {healthcheck: {retry: 3}}}",
	} {
		path := filepath.Join(t.TempDir(), "compose.yml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := composefile.Load(path)
		require.Error(t, err, text)
	}
}

func TestOurContainersHaveNoRightsToLose(t *testing.T) {
	ours := 0
	for name, s := range load(t).Services {
		if s.Build == nil {
			continue
		}
		ours++
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.Empty(t, s.User, "%s runs as the image's user", name)
		require.Contains(t, read(t, "Dockerfile"), "FROM scratch AS "+s.Build.Target+"\n", name)
	}
	require.Equal(t, 5, ours, "keys, migrate, fakewechat and two pods")
}

func TestNothingIsPublishedBeyondThisMachine(t *testing.T) {
	published := map[string][]string{}
	for name, s := range load(t).Services {
		for _, port := range s.Ports {
			require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s", name, port)
			published[name] = append(published[name], port)
		}
	}
	require.Contains(t, published, "proxy")
	require.Len(t, published, 2, "the proxy and the stand-in's control side")
}

func TestEveryServiceWaitsForWhatItNeeds(t *testing.T) {
	f := load(t)
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		require.NotContains(t, path, name, "a circle")
		s, ok := f.Services[name]
		require.True(t, ok, "%v waits for %s, which does not exist", path, name)
		for other, dependency := range s.DependsOn {
			awaited := f.Services[other]
			switch dependency.Condition {
			case "service_healthy":
				ownCheck := awaited.Healthcheck != nil && len(awaited.Healthcheck.Test) > 0
				imageCheck := awaited.Build != nil && awaited.Build.Target == "wugan" && awaited.Healthcheck == nil
				require.True(t, ownCheck || imageCheck, "%s can never be healthy", other)
			case "service_completed_successfully":
				require.Contains(t, []string{"", "no"}, awaited.Restart, "%s would never be complete", other)
			default:
				require.Equal(t, "service_started", dependency.Condition)
			}
			visit(other, append(slices.Clone(path), name))
		}
	}
	for name := range f.Services {
		visit(name, nil)
	}
	waits := func(name, other string) string { return f.Services[name].DependsOn[other].Condition }
	require.Equal(t, "service_healthy", waits("migrate", "postgres"))
	for _, pod := range []string{"pod-a", "pod-b"} {
		require.Equal(t, "service_completed_successfully", waits(pod, "migrate"))
		require.Equal(t, "service_completed_successfully", waits(pod, "keys"))
		require.Equal(t, "service_healthy", waits("proxy", pod))
	}
}

func TestThePodsAreEqual(t *testing.T) {
	f := load(t)
	require.Equal(t, f.Services["pod-a"], f.Services["pod-b"])
}

func TestNoSecretStandsInTheFile(t *testing.T) {
	secret := regexp.MustCompile(`PASSWORD|SECRET|KEY|DATABASE_URL`)
	for name, s := range load(t).Services {
		for key, value := range s.Environment {
			if secret.MatchString(key) {
				require.True(t, strings.HasSuffix(key, "_FILE"), "%s: %s", name, key)
				require.True(t, strings.HasPrefix(value, "/secrets/"), "%s: %s", name, key)
			}
		}
	}
}

func makeSecrets(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	collect := func() map[string]string {
		out, err := exec.CommandContext(t.Context(), "./make-secrets", dir).CombinedOutput()
		require.NoError(t, err, string(out))
		files := map[string]string{}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.IsDir() {
				files[entry.Name()] = "" // the service keys fills it
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			require.NoError(t, err)
			files[entry.Name()] = strings.TrimSpace(string(text))
		}
		return files
	}
	first := collect()
	require.Equal(t, first, collect(), "a second start keeps the secrets")
	return first
}

func TestTheSecretsAreThoseThatTheServicesRead(t *testing.T) {
	files := makeSecrets(t)
	mentioned := regexp.MustCompile(`/secrets/([a-z_]+)`)
	for _, match := range mentioned.FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		require.Contains(t, files, match[1])
	}
	key, err := base64.StdEncoding.DecodeString(files["data_key"])
	require.NoError(t, err)
	require.Len(t, key, 32)
	seen := map[string]bool{}
	for _, name := range []string{"refresh_secret", "admin_key", "gateway_key", "database_password"} {
		require.GreaterOrEqual(t, len(files[name]), 32, name)
		require.False(t, seen[files[name]], "%s is another's secret", name)
		seen[files[name]] = true
	}
	require.Contains(t, files["database_url"], files["database_password"])
	require.Contains(t, files["pgpass"], files["database_password"])
	require.NotEqual(t, files, makeSecrets(t), "another place, other secrets")
}

func TestFilesAndHostsThatAreNamedExist(t *testing.T) {
	f := load(t)
	for name, s := range f.Services {
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, "./") {
				require.FileExists(t, filepath.Join(root, source), name)
			} else {
				require.Contains(t, f.Volumes, source, name)
			}
		}
	}
	upstream := regexp.MustCompile(`(?m)^\s*server ([a-z-]+):8080`)
	var pods []string
	for _, match := range upstream.FindAllStringSubmatch(read(t, "deploy/compose/nginx.conf"), -1) {
		require.Contains(t, f.Services, match[1])
		pods = append(pods, match[1])
	}
	require.ElementsMatch(t, []string{"pod-a", "pod-b"}, pods)
}

// baseImages are those of the Dockerfile, unless its build arguments say otherwise.
func baseImages(t *testing.T) (images []string) {
	t.Helper()
	text := read(t, "Dockerfile")
	defaults := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^ARG (\w+)=(\S+)`).FindAllStringSubmatch(text, -1) {
		defaults[match[1]] = match[2]
	}
	for _, match := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		images = append(images, os.Expand(match[1], func(name string) string { return defaults[name] }))
	}
	return images
}

// A build behind a slow network names its own sources.
func TestTheBuildTakesItsSourcesFromArguments(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	_, build, found := strings.Cut(dockerfile, "AS build\n")
	require.True(t, found)
	build, _, _ = strings.Cut(build, "RUN go mod download")
	for _, name := range []string{"GOPROXY", "GOSUMDB"} {
		require.Contains(t, build, "ARG "+name+"\n", "before the modules are fetched")
	}
	for name, s := range load(t).Services {
		if s.Build == nil {
			continue
		}
		require.NotEmpty(t, s.Build.Args, name)
		for _, arg := range s.Build.Args {
			require.Regexp(t, `(?m)^ARG `+arg+`\b`, dockerfile, name)
		}
	}
}

// A tag can be moved to something else; a digest, or a commit, cannot.
func TestForeignImagesAndActionsAreNamedByWhatCannotBeMoved(t *testing.T) {
	for name, s := range load(t).Services {
		if s.Build == nil {
			require.Regexp(t, `^[a-z0-9./-]+:[^@]+@sha256:[0-9a-f]{64}$`, s.Image, name)
		}
	}
	for _, image := range baseImages(t) {
		if image != "scratch" {
			require.Regexp(t, `@sha256:[0-9a-f]{64}$`, image)
		}
	}
	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	for _, path := range workflows {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`uses:\s*(.+)`).FindAllStringSubmatch(string(text), -1) {
			require.Regexp(t, `^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`, match[1], path)
		}
	}
}
