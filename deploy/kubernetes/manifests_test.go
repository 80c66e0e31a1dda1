// Package kubernetes_test holds the manifests against Kubernetes' own types, as
// kustomize renders them, and against one another.
package kubernetes_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are everything that kubectl apply -k would send.
type manifests struct {
	account    corev1.ServiceAccount
	config     corev1.ConfigMap
	job        batchv1.Job
	deployment appsv1.Deployment
	service    corev1.Service
	autoscaler autoscalingv2.HorizontalPodAutoscaler
	disruption policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
}

func (m *manifests) byKind() map[string]any {
	return map[string]any{
		"v1 ServiceAccount": &m.account, "v1 ConfigMap": &m.config, "batch/v1 Job": &m.job,
		"apps/v1 Deployment": &m.deployment, "v1 Service": &m.service,
		"autoscaling/v2 HorizontalPodAutoscaler": &m.autoscaler, "policy/v1 PodDisruptionBudget": &m.disruption,
		"networking.k8s.io/v1 NetworkPolicy": &m.network,
	}
}

// decode reads one object strictly: an unknown field, a field twice, or a value
// of another type is an error, as it is for kubectl --validate=strict.
func decode(text []byte, into map[string]any) (string, error) {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(text, &head); err != nil {
		return "", err
	}
	kind := head.APIVersion + " " + head.Kind
	object, known := into[kind]
	if !known {
		return kind, os.ErrNotExist
	}
	return kind, yaml.UnmarshalStrict(text, object)
}

func load(t *testing.T) *manifests {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), ".")
	require.NoError(t, err)
	m := &manifests{}
	want := m.byKind()
	var seen []string
	for _, object := range rendered.Resources() {
		text, err := object.AsYAML()
		require.NoError(t, err)
		kind, err := decode(text, want)
		require.NoError(t, err, "%s\n%s", kind, text)
		require.NotContains(t, seen, kind)
		seen = append(seen, kind)
	}
	require.Len(t, seen, len(want))
	return m
}

func TestEachFileIsStrictlyWhatKubernetesKnows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		if file == "kustomization.yaml" {
			continue // kustomize reads it strictly itself
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		// Anchors are for the reader; a strict decoder takes them.
		_, err = decode(text, (&manifests{}).byKind())
		require.NoError(t, err, file)
	}
	_, err = decode([]byte("apiVersion: v1\nkind: Service\nspec: {selectr: {}}"), (&manifests{}).byKind())
	require.Error(t, err, "the check finds a mistyped field")
}

func TestAllPartsMeanTheSamePods(t *testing.T) {
	t.Parallel()
	m := load(t)
	pods := labels.Set(m.deployment.Spec.Template.Labels)
	jobPods := labels.Set(m.job.Spec.Template.Labels)
	matches := func(s *metav1.LabelSelector, set labels.Set) bool {
		t.Helper()
		selector, err := metav1.LabelSelectorAsSelector(s)
		require.NoError(t, err)
		require.False(t, selector.Empty(), "an empty selector means every pod")
		return selector.Matches(set)
	}
	for name, selector := range map[string]*metav1.LabelSelector{
		"deployment": m.deployment.Spec.Selector, "disruption budget": m.disruption.Spec.Selector,
		"service": {MatchLabels: m.service.Spec.Selector},
		"spread":  m.deployment.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		require.True(t, matches(selector, pods), name)
		require.False(t, matches(selector, jobPods), "%s takes the migration for a pod of the service", name)
	}
	require.True(t, matches(&m.network.Spec.PodSelector, pods))
	require.True(t, matches(&m.network.Spec.PodSelector, jobPods))

	target := m.autoscaler.Spec.ScaleTargetRef
	require.Equal(t, []string{m.deployment.APIVersion, m.deployment.Kind, m.deployment.Name}, []string{target.APIVersion, target.Kind, target.Name})
	require.Nil(t, m.deployment.Spec.Replicas, "the autoscaler's number would be reset with each apply")
	require.GreaterOrEqual(t, *m.autoscaler.Spec.MinReplicas, int32(2))
	for _, pod := range []corev1.PodSpec{m.deployment.Spec.Template.Spec, m.job.Spec.Template.Spec} {
		require.Equal(t, m.account.Name, pod.ServiceAccountName)
	}
	require.Equal(t, m.config.Name, m.deployment.Spec.Template.Spec.Containers[0].EnvFrom[0].ConfigMapRef.Name)
}

func TestPortsAreNamedOnce(t *testing.T) {
	t.Parallel()
	m := load(t)
	ports := map[string]int32{}
	for _, p := range m.deployment.Spec.Template.Spec.Containers[0].Ports {
		require.Empty(t, validation.IsValidPortName(p.Name))
		ports[p.Name] = p.ContainerPort
	}
	require.Equal(t, ":8080", m.config.Data["WUGAN_ADDR"])
	require.Equal(t, ":9090", m.config.Data["WUGAN_METRICS_ADDR"])
	require.Equal(t, map[string]int32{"http": 8080, "metrics": 9090}, ports)
	c := m.deployment.Spec.Template.Spec.Containers[0]
	require.Equal(t, "http", c.LivenessProbe.HTTPGet.Port.StrVal)
	require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	require.Equal(t, "http", c.ReadinessProbe.HTTPGet.Port.StrVal)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "http", m.service.Spec.Ports[0].TargetPort.StrVal)
	for _, rule := range m.network.Spec.Ingress {
		for _, p := range rule.Ports {
			require.Contains(t, ports, p.Port.StrVal)
			if p.Port.StrVal == "metrics" {
				require.NotEmpty(t, rule.From, "profiles are for the monitoring alone")
			}
		}
	}
}

func TestPodsHaveNoRightsToLose(t *testing.T) {
	t.Parallel()
	m := load(t)
	for name, pod := range map[string]corev1.PodSpec{"server": m.deployment.Spec.Template.Spec, "migration": m.job.Spec.Template.Spec} {
		require.True(t, *pod.SecurityContext.RunAsNonRoot, name)
		require.EqualValues(t, 65532, *pod.SecurityContext.RunAsUser, "%s: the image's user", name)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
		require.False(t, *pod.AutomountServiceAccountToken, name)
		require.False(t, *pod.EnableServiceLinks, "%s: they would set WUGAN_ variables", name)
		require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC, name)
		for _, c := range pod.Containers {
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, name)
			require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			require.False(t, c.Resources.Limits.Memory().IsZero(), name)
			require.False(t, c.Resources.Requests.Cpu().IsZero(), "%s: the autoscaler reckons with it", name)
		}
	}
}

func TestSecretsAreFilesThatAreThere(t *testing.T) {
	t.Parallel()
	m := load(t)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	pod := m.deployment.Spec.Template.Spec
	require.Equal(t, "/secrets", pod.Containers[0].VolumeMounts[0].MountPath)
	require.Contains(t, string(readme), "create secret generic "+pod.Volumes[0].Secret.SecretName)
	values := []string{m.job.Spec.Template.Spec.Containers[0].Env[0].Value}
	for name, value := range m.config.Data {
		values = append(values, value)
		for _, kind := range []string{"SECRET", "APPS", "ADMIN_KEY", "GATEWAY_KEY", "DATA_KEY"} {
			if strings.Contains(name, kind) {
				require.True(t, strings.HasSuffix(name, "_FILE"), "%s stands in a ConfigMap", name)
			}
		}
	}
	files := 0
	for _, value := range values {
		require.NotRegexp(t, `://[^/@]*:[^/@]*@`, value, "a password stands in an address")
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '&' || r == '=' || r == '?' }) {
			if file, ok := strings.CutPrefix(part, "/secrets/"); ok {
				require.Contains(t, string(readme), file)
				files++
			}
		}
	}
	require.GreaterOrEqual(t, files, 9)
	for _, item := range m.job.Spec.Template.Spec.Volumes[0].Secret.Items {
		require.Contains(t, values[0], "/secrets/"+item.Path, "the migration sees only what it needs")
	}
}

func TestAPodIsGivenTheTimeThatItTakesToStop(t *testing.T) {
	t.Parallel()
	m := load(t)
	delay, err := time.ParseDuration(m.config.Data["WUGAN_SHUTDOWN_DELAY"])
	require.NoError(t, err)
	ready := m.deployment.Spec.Template.Spec.Containers[0].ReadinessProbe
	noticed := time.Duration(ready.PeriodSeconds*ready.FailureThreshold) * time.Second
	require.Greater(t, delay, noticed, "the listener closes before the probe has noticed")
	const accepted = 30 * time.Second // for what was accepted
	require.Greater(t, time.Duration(*m.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second, delay+accepted)
	require.Zero(t, m.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue())
}

func TestOurImagesAreTheDockerfilesTargets(t *testing.T) {
	t.Parallel()
	m := load(t)
	dockerfile, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	var names []string
	for _, pod := range []corev1.PodSpec{m.deployment.Spec.Template.Spec, m.job.Spec.Template.Spec} {
		image := pod.Containers[0].Image
		require.Regexp(t, `^registry\.example\.com/.+:v`, image, "kustomization.yaml names the registry and a version")
		names = append(names, image)
	}
	slices.Sort(names)
	require.Contains(t, string(dockerfile), "AS wugan\n")
	require.Contains(t, string(dockerfile), "AS migrate\n")
	require.Contains(t, names[0], "/wugan-migrate:")
	require.Contains(t, names[1], "/wugan:")
}
