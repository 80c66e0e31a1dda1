// Package gateways checks the configurations of this folder as far as that can
// be done without the gateways. Those that can be had are started in
// e2e/gateways.
package gateways

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var identity = []string{"X-User-Id", "X-App-Id", "X-Session-Id"}

// believed are headers that back ends take from a proxy, and that no gateway
// removes by itself.
var believed = []string{"Forwarded", "X-Forwarded-Ssl", "X-Forwarded-User", "X-Original-Url", "X-Rewrite-Url", "Remote-User", "True-Client-Ip", "Client-Ip", "Proxy"}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// strictly decodes YAML, and fails for a field that the type does not have.
func strictly(t *testing.T, path string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, path))))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(into), path)
}

func TestEveryExampleSaysHowItWasTried(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	seen := 0
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		seen++
		readme := read(t, entry.Name()+"/README.md")
		require.NotEqual(t, strings.Contains(readme, "Not run here"), strings.Contains(readme, "and tries"), entry.Name())
	}
	require.Equal(t, 8, seen)
}

// The types hold the fields of Traefik 3.7.13's own configuration that are used.
func TestTraefikFitsTogether(t *testing.T) {
	t.Parallel()
	var static struct {
		EntryPoints map[string]struct {
			Address string `yaml:"address"`
			HTTP    struct {
				AliasHeadersStrategy string `yaml:"aliasHeadersStrategy"`
			} `yaml:"http"`
		} `yaml:"entryPoints"`
		Providers struct {
			File struct {
				Filename string `yaml:"filename"`
				Watch    bool   `yaml:"watch"`
			} `yaml:"file"`
		} `yaml:"providers"`
	}
	strictly(t, "traefik/traefik.yml", &static)
	require.Equal(t, "delete", static.EntryPoints["web"].HTTP.AliasHeadersStrategy)
	require.FileExists(t, "traefik/"+static.Providers.File.Filename)

	var dynamic struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string   `yaml:"rule"`
				Priority    int      `yaml:"priority"`
				Service     string   `yaml:"service"`
				Middlewares []string `yaml:"middlewares"`
			} `yaml:"routers"`
			Middlewares map[string]struct {
				ForwardAuth *struct {
					Address             string   `yaml:"address"`
					AuthRequestHeaders  []string `yaml:"authRequestHeaders"`
					AuthResponseHeaders []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
				Headers *struct {
					CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
				} `yaml:"headers"`
			} `yaml:"middlewares"`
			Services map[string]struct {
				LoadBalancer struct {
					Servers []struct {
						URL string `yaml:"url"`
					} `yaml:"servers"`
				} `yaml:"loadBalancer"`
			} `yaml:"services"`
		} `yaml:"http"`
	}
	strictly(t, "traefik/dynamic.yml", &dynamic)
	for name, router := range dynamic.HTTP.Routers {
		require.Contains(t, dynamic.HTTP.Services, router.Service, name)
		for _, middleware := range router.Middlewares {
			require.Contains(t, dynamic.HTTP.Middlewares, middleware, name)
		}
	}
	business, socket := dynamic.HTTP.Routers["business"], dynamic.HTTP.Routers["websocket"]
	require.Equal(t, []string{"no-identity", "no-upgrade", "wugan-check", "no-token"}, business.Middlewares,
		"what the caller says goes before the check, the token only after it")
	require.Equal(t, []string{"no-identity", "websocket-only", "wugan-check", "no-token"}, socket.Middlewares)
	require.Greater(t, socket.Priority, business.Priority)
	require.Contains(t, socket.Rule, "HeaderRegexp(`Upgrade`, `(?i)^websocket$`)")
	for _, router := range []string{business.Rule, socket.Rule} {
		require.NotRegexp(t, "TRACE|CONNECT", router, "methods are named, and these are not among them")
		require.Contains(t, router, "Method(`GET`)")
	}
	headers := func(name string) map[string]string {
		return dynamic.HTTP.Middlewares[name].Headers.CustomRequestHeaders
	}
	for _, name := range append(slices.Clone(identity), append(slices.Clone(believed), "X-Roles")...) {
		require.Contains(t, headers("no-identity"), name)
		require.Empty(t, headers("no-identity")[name], "an empty value removes it")
	}
	require.Equal(t, map[string]string{"Upgrade": "", "HTTP2-Settings": "", "Connection": ""}, headers("no-upgrade"))
	require.Equal(t, map[string]string{"Upgrade": "websocket", "HTTP2-Settings": "", "Connection": "Upgrade"}, headers("websocket-only"))
	check := dynamic.HTTP.Middlewares["wugan-check"].ForwardAuth
	require.Equal(t, "http://127.0.0.1:8080/api/v1/auth/verify", check.Address)
	require.Contains(t, check.AuthRequestHeaders, "Authorization")
	require.Subset(t, check.AuthResponseHeaders, append(slices.Clone(identity), "X-Roles"))
}

func TestKrakenDReadsOurClaims(t *testing.T) {
	t.Parallel()
	var config struct {
		Schema    string `json:"$schema"`
		Version   int    `json:"version"`
		Name      string `json:"name"`
		Port      int    `json:"port"`
		Endpoints []struct {
			Endpoint       string   `json:"endpoint"`
			Method         string   `json:"method"`
			OutputEncoding string   `json:"output_encoding"`
			InputHeaders   []string `json:"input_headers"`
			ExtraConfig    struct {
				Validator struct {
					Alg             string      `json:"alg"`
					JWKURL          string      `json:"jwk_url"`
					DisableSecurity bool        `json:"disable_jwk_security"`
					Cache           bool        `json:"cache"`
					CacheDuration   int         `json:"cache_duration"`
					Issuer          string      `json:"issuer"`
					Audience        []string    `json:"audience"`
					PropagateClaims [][2]string `json:"propagate_claims"`
				} `json:"auth/validator"`
			} `json:"extra_config"`
			Backend []struct {
				Host       []string `json:"host"`
				URLPattern string   `json:"url_pattern"`
				Encoding   string   `json:"encoding"`
			} `json:"backend"`
		} `json:"endpoints"`
	}
	decoder := json.NewDecoder(strings.NewReader(read(t, "krakend/krakend.json")))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&config))
	require.Equal(t, 3, config.Version)
	for _, endpoint := range config.Endpoints {
		validator := endpoint.ExtraConfig.Validator
		require.Equal(t, "http://127.0.0.1:8080/.well-known/jwks.json", validator.JWKURL)
		require.NotEmpty(t, validator.Issuer)
		require.NotEmpty(t, validator.Audience, "without it a refresh token might pass")
		var given []string
		for _, pair := range validator.PropagateClaims {
			require.Contains(t, []string{"sub", "client_id", "sid"}, pair[0], "only claims that every token has: a missing one leaves the caller's header in place")
			require.Contains(t, endpoint.InputHeaders, pair[1], "a header that is not listed is dropped")
			given = append(given, pair[1])
		}
		require.ElementsMatch(t, identity, given)
		require.NotContains(t, endpoint.InputHeaders, "X-Roles")
		require.NotContains(t, endpoint.InputHeaders, "Authorization")
		for _, name := range append(slices.Clone(believed), "*", "Upgrade", "Connection", "HTTP2-Settings") {
			require.NotContains(t, endpoint.InputHeaders, name)
		}
		require.NotContains(t, []string{"TRACE", "CONNECT"}, endpoint.Method)
	}
}

func TestEnvoyFitsTogether(t *testing.T) {
	t.Parallel()
	var config struct {
		Static struct {
			Listeners []struct {
				Chains []struct {
					Filters []struct {
						Config struct {
							Common struct {
								Underscores string `yaml:"headers_with_underscores_action"`
							} `yaml:"common_http_protocol_options"`
							Upgrades []struct {
								Type string `yaml:"upgrade_type"`
							} `yaml:"upgrade_configs"`
							Filters []struct {
								Name   string    `yaml:"name"`
								Config yaml.Node `yaml:"typed_config"`
							} `yaml:"http_filters"`
							Routes struct {
								Hosts []struct {
									Routes []struct {
										Match struct {
											Headers []struct {
												Name  string `yaml:"name"`
												Match struct {
													Regex struct {
														Regex string `yaml:"regex"`
													} `yaml:"safe_regex"`
												} `yaml:"string_match"`
											} `yaml:"headers"`
										} `yaml:"match"`
										Direct struct {
											Status int `yaml:"status"`
										} `yaml:"direct_response"`
										Route struct {
											Cluster string `yaml:"cluster"`
										} `yaml:"route"`
									} `yaml:"routes"`
								} `yaml:"virtual_hosts"`
							} `yaml:"route_config"`
						} `yaml:"typed_config"`
					} `yaml:"filters"`
				} `yaml:"filter_chains"`
			} `yaml:"listeners"`
			Clusters []struct {
				Name string `yaml:"name"`
			} `yaml:"clusters"`
		} `yaml:"static_resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "envoy/envoy.yaml")), &config))
	var clusters []string
	for _, c := range config.Static.Clusters {
		clusters = append(clusters, c.Name)
	}
	manager := config.Static.Listeners[0].Chains[0].Filters[0].Config
	require.Contains(t, []string{"DROP_HEADER", "REJECT_REQUEST"}, manager.Common.Underscores)
	require.Len(t, manager.Upgrades, 1)
	require.Equal(t, "websocket", manager.Upgrades[0].Type)
	routes := manager.Routes.Hosts[0].Routes
	require.Equal(t, 405, routes[0].Direct.Status)
	require.Equal(t, ":method", routes[0].Match.Headers[0].Name)
	refused := regexp.MustCompile("^(?:" + routes[0].Match.Headers[0].Match.Regex.Regex + ")$") // Envoy matches the whole
	for method, want := range map[string]bool{"TRACE": true, "CONNECT": true, "TRACK": true, "trace": true, "GET": false, "POST": false} {
		require.Equal(t, want, refused.MatchString(method), method)
	}
	for _, route := range routes[1:] {
		require.Contains(t, clusters, route.Route.Cluster)
	}
	var names []string
	for _, filter := range manager.Filters {
		names = append(names, strings.TrimPrefix(filter.Name, "envoy.filters.http."))
	}
	require.Equal(t, []string{"lua", "header_mutation", "jwt_authn", "router"}, names, "first the caller's identity goes, then the token's comes")
	var strip struct {
		Mutations struct {
			Request []struct {
				Remove string `yaml:"remove"`
			} `yaml:"request_mutations"`
		} `yaml:"mutations"`
	}
	require.NoError(t, manager.Filters[1].Config.Decode(&strip))
	var removed []string
	for _, m := range strip.Mutations.Request {
		removed = append(removed, m.Remove)
	}
	require.Subset(t, removed, []string{"x-user-id", "x-app-id", "x-session-id", "x-roles", "http2-settings"})
	for _, name := range believed {
		require.Contains(t, removed, strings.ToLower(name))
	}
	var authn struct {
		Providers map[string]struct {
			Issuer    string   `yaml:"issuer"`
			Audiences []string `yaml:"audiences"`
			Remote    struct {
				URI struct {
					URI     string `yaml:"uri"`
					Cluster string `yaml:"cluster"`
				} `yaml:"http_uri"`
			} `yaml:"remote_jwks"`
			Claims []struct {
				Header string `yaml:"header_name"`
				Claim  string `yaml:"claim_name"`
			} `yaml:"claim_to_headers"`
		} `yaml:"providers"`
		Rules []struct {
			Requires struct {
				Provider string `yaml:"provider_name"`
			} `yaml:"requires"`
		} `yaml:"rules"`
	}
	require.NoError(t, manager.Filters[2].Config.Decode(&authn))
	provider := authn.Providers["wugan"]
	require.NotEmpty(t, provider.Audiences)
	require.Equal(t, "http://127.0.0.1:8080/.well-known/jwks.json", provider.Remote.URI.URI)
	require.Contains(t, clusters, provider.Remote.URI.Cluster)
	for _, c := range provider.Claims {
		require.Contains(t, []string{"sub", "client_id", "sid"}, c.Claim)
		require.Contains(t, removed, c.Header)
	}
	require.Equal(t, "wugan", authn.Rules[len(authn.Rules)-1].Requires.Provider, "what no rule excepts needs a token")
}

func TestKongHoldsAKeyThatCanBeRead(t *testing.T) {
	t.Parallel()
	var config struct {
		Services []struct {
			Name   string `yaml:"name"`
			Routes []struct {
				Methods []string `yaml:"methods"`
			} `yaml:"routes"`
			Plugins []struct {
				Name   string         `yaml:"name"`
				Config map[string]any `yaml:"config"`
			} `yaml:"plugins"`
		} `yaml:"services"`
		Consumers []struct {
			Secrets []struct {
				Key       string `yaml:"key"`
				Algorithm string `yaml:"algorithm"`
				PEM       string `yaml:"rsa_public_key"`
			} `yaml:"jwt_secrets"`
		} `yaml:"consumers"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "kong/kong.yml")), &config))
	secret := config.Consumers[0].Secrets[0]
	block, rest := pem.Decode([]byte(secret.PEM))
	require.NotNil(t, block)
	require.Empty(t, rest)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	require.IsType(t, &ecdsa.PublicKey{}, key)
	require.Equal(t, "ES256", secret.Algorithm)
	require.Equal(t, "https://auth.example.com", secret.Key, "the credential is found by iss")
	plugins := config.Services[1].Plugins
	require.Equal(t, "jwt", plugins[0].Name)
	require.Equal(t, []any{"exp"}, plugins[0].Config["claims_to_verify"])
	code := plugins[1].Config["access"].([]any)[0].(string)
	for _, name := range append(slices.Clone(identity), "at+jwt", "claims.aud") {
		require.Contains(t, code, name)
	}
	for _, name := range append(append(slices.Clone(identity), believed...), "X-Roles", "HTTP2-Settings") {
		require.Contains(t, code, `["`+strings.ToLower(name)+`"] = true`)
	}
	require.ElementsMatch(t, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, config.Services[1].Routes[0].Methods)
}

func TestAPISIXAsksWugan(t *testing.T) {
	t.Parallel()
	text := read(t, "apisix/apisix.yaml")
	require.True(t, strings.HasSuffix(strings.TrimSpace(text), "#END"), "without it APISIX reads nothing of the file")
	var config struct {
		Routes []struct {
			ID      string                    `yaml:"id"`
			Methods []string                  `yaml:"methods"`
			Plugins map[string]map[string]any `yaml:"plugins"`
		} `yaml:"routes"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	check := config.Routes[1].Plugins["forward-auth"]
	require.Equal(t, "http://127.0.0.1:8080/api/v1/auth/verify", check["uri"])
	require.Contains(t, check["request_headers"], "Authorization")
	require.Contains(t, check["client_headers"], "WWW-Authenticate")
	require.Equal(t, 503, check["status_on_error"], "an outage logs nobody out")
	for _, name := range append(slices.Clone(identity), "X-Roles") {
		require.Contains(t, check["upstream_headers"], name)
	}
	first := config.Routes[1].Plugins["serverless-pre-function"]
	require.Equal(t, "rewrite", first["phase"], "before the check, which runs in the access phase")
	code := first["functions"].([]any)[0].(string)
	for _, name := range append(append(slices.Clone(identity), believed...), "X-Roles", "HTTP2-Settings", "Upgrade", "Connection") {
		require.Contains(t, code, `["`+strings.ToLower(name)+`"] = true`)
	}
	require.ElementsMatch(t, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, config.Routes[1].Methods)
}
