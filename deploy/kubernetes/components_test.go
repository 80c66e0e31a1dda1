package kubernetes_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// serviceMonitor is what we use of the Prometheus Operator's type, in its words.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		JobLabel  string               `json:"jobLabel"`
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// overlay is the example, rendered: the manifests, and what its components add.
type overlay struct {
	manifests
	ingress networkingv1.Ingress
	metrics corev1.Service
	monitor serviceMonitor
}

func loadExample(t *testing.T) *overlay {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../examples/kubernetes")
	require.NoError(t, err)
	o := &overlay{}
	want := o.byKind()
	want["networking.k8s.io/v1 Ingress"] = &o.ingress
	want["monitoring.coreos.com/v1 ServiceMonitor"] = &o.monitor
	for _, object := range rendered.Resources() {
		require.Equal(t, "wugan", object.GetNamespace(), object.GetName())
		text, err := object.AsYAML()
		require.NoError(t, err)
		if object.GetName() == "wugan-metrics" {
			require.NoError(t, yaml.UnmarshalStrict(text, &o.metrics))
			continue
		}
		kind, err := decode(text, want)
		require.NoError(t, err, "%s\n%s", kind, text)
		delete(want, kind)
	}
	require.Empty(t, want)
	return o
}

func TestTheIngressServesTheIssuersHost(t *testing.T) {
	t.Parallel()
	o := loadExample(t)
	issuer, err := url.Parse(o.config.Data["WUGAN_ISSUER"])
	require.NoError(t, err)
	require.Len(t, o.ingress.Spec.Rules, 1)
	rule := o.ingress.Spec.Rules[0]
	require.Equal(t, issuer.Host, rule.Host)
	require.Equal(t, []string{issuer.Host}, o.ingress.Spec.TLS[0].Hosts)
	require.NotEmpty(t, *o.ingress.Spec.IngressClassName)
	backend := rule.HTTP.Paths[0].Backend.Service
	require.Equal(t, o.service.Name, backend.Name)
	require.Equal(t, o.service.Spec.Ports[0].Name, backend.Port.Name)
	require.Len(t, o.service.Spec.Ports, 1, "the metrics are not behind the public name")
}

func TestTheMonitorFindsEachPodOnce(t *testing.T) {
	t.Parallel()
	o := loadExample(t)
	selects := func(s labels.Set, of labels.Set) bool { return labels.SelectorFromSet(s).Matches(of) }
	require.True(t, selects(o.monitor.Spec.Selector.MatchLabels, o.metrics.Labels))
	require.False(t, selects(o.monitor.Spec.Selector.MatchLabels, o.service.Labels), "it would look for a port that is not there")
	require.True(t, selects(o.metrics.Spec.Selector, o.deployment.Spec.Template.Labels))
	require.False(t, selects(o.metrics.Spec.Selector, o.job.Spec.Template.Labels))
	require.Len(t, o.monitor.Spec.Endpoints, 1)
	require.Equal(t, o.metrics.Spec.Ports[0].Name, o.monitor.Spec.Endpoints[0].Port)
	var names []string
	for _, p := range o.deployment.Spec.Template.Spec.Containers[0].Ports {
		names = append(names, p.Name)
	}
	require.Contains(t, names, o.metrics.Spec.Ports[0].TargetPort.StrVal)
	require.Equal(t, "wugan", o.metrics.Labels[o.monitor.Spec.JobLabel])
	require.NotContains(t, o.deployment.Spec.Template.Annotations, "prometheus.io/scrape", "each pod would be scraped twice")
}

func TestAComponentsFileIsNamedInItsKustomization(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"ingress", "monitoring"} {
		text, err := os.ReadFile(dir + "/kustomization.yaml")
		require.NoError(t, err)
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, file := range files {
			if file.Name() != "kustomization.yaml" {
				require.Contains(t, string(text), file.Name())
			}
		}
	}
}
