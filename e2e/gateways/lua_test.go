//go:build e2e

package gateways

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Kong, APISIX and Envoy cannot be had here, but what they run of our examples
// can: LuaJIT is the interpreter of all three. The few functions that the lines
// call are given to them, over a table of headers.
//
// luaHeaders prints what is left of the headers, one name a line.
const luaHeaders = `
local left = {}
for name in pairs(HEADERS) do left[#left + 1] = name end
table.sort(left)
for _, name in ipairs(left) do
  local value = HEADERS[name]
  print(name .. "=" .. (type(value) == "table" and table.concat(value, "+") or value))
end
`

// luaKong is what kong.yml's lines call.
const luaKong = `
package.loaded["kong.plugins.jwt.jwt_parser"] = { new = function() return {
  header = { typ = "at+jwt" }, claims = { aud = "https://auth.example.com", sub = "alice", client_id = "app", sid = "session" },
} end }
kong = {
  ctx = { shared = {} },
  request = { get_headers = function(most)
    local out, n = {}, 0 -- lines are counted: a header of two may be read by half
    for name, value in pairs(HEADERS) do
      local read = {}
      for _, line in ipairs(type(value) == "table" and value or { value }) do
        if n == most then break end
        n, read[#read + 1] = n + 1, line
      end
      if #read > 0 then out[name] = #read == 1 and read[1] or read end
    end
    return out
  end },
  service = { request = {
    clear_header = function(name) HEADERS[name:lower()] = nil end,
    set_header = function(name, value) HEADERS[name:lower()] = value end,
  } },
  response = { exit = function(status) print("exit=" .. status) os.exit(0) end },
}
local function run() `

// luaAPISIX is what apisix.yaml's lines call.
const luaAPISIX = `
package.loaded["apisix.core"] = { request = { set_header = function(ctx, name, value) HEADERS[name:lower()] = value end } }
ngx = { req = { get_headers = function(most)
  assert(most == 0, "by default only a hundred are read")
  local out = {}
  for name, value in pairs(HEADERS) do out[name] = value end
  return out
end } }
local function load() `

// luaEnvoy is what envoy.yaml's lines call. Envoy forbids changes of the headers
// while they are read.
const luaEnvoy = `
local reading = false
local headers = setmetatable({}, { __index = { remove = function(_, name)
  assert(not reading, "changed while it is read")
  HEADERS[name] = nil
end } })
local real_pairs = pairs
pairs = function(t)
  if t ~= headers then return real_pairs(t) end
  reading = true
  local name
  return function()
    name = next(HEADERS, name)
    if name == nil then reading = false end
    return name, HEADERS[name]
  end
end
`

// runLua runs lines over headers and returns what is left of them.
func runLua(t *testing.T, headers map[string][]string, before, lines, after string) map[string]string {
	t.Helper()
	need(t, "luajit")
	var text bytes.Buffer
	text.WriteString("HEADERS = {\n")
	for name, values := range headers {
		quoted, err := json.Marshal(values)
		require.NoError(t, err)
		list := strings.NewReplacer("[", "{", "]", "}").Replace(string(quoted))
		if len(values) == 1 {
			list = strings.Trim(list, "{}")
		}
		key, err := json.Marshal(name)
		require.NoError(t, err)
		text.WriteString("[" + strings.ReplaceAll(string(key), `\u0026`, "&") + "] = " + list + ",\n")
	}
	text.WriteString("}\n" + before + lines + after + luaHeaders)
	path := filepath.Join(t.TempDir(), "lines.lua")
	require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	out, err := exec.CommandContext(t.Context(), "luajit", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	left := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		left[name] = value
	}
	return left
}

// forgedHeaders are all spellings of what must not pass, names in lower case as
// the gateways give them, and two headers that do.
func forgedHeaders() map[string][]string {
	out := map[string][]string{"accept": {"kept"}, "x-app-version": {"kept", "twice"}, "http2-settings": {"AAMA"}}
	for _, character := range strings.Split("- ! # $ % & ' * + . ^ _ ` | ~", " ") {
		for line := range strings.Lines(spellings(character)) {
			name, _, _ := strings.Cut(line, ":")
			out[strings.ToLower(name)] = []string{"forged", "forged"}
		}
	}
	for _, name := range []string{"Forwarded", "X_Original_URL", "X-Rewrite-URL", "Remote_User", "True-Client-IP", "Proxy"} {
		out[strings.ToLower(name)] = []string{"forged"}
	}
	return out
}

func example(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", "gateways", path))
	require.NoError(t, err)
	var document any
	require.NoError(t, yaml.Unmarshal(text, &document))
	return document
}

// at follows keys and indexes into a document.
func at(t *testing.T, document any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			document = document.(map[string]any)[step]
		case int:
			document = document.([]any)[step]
		}
		require.NotNil(t, document, "%v", step)
	}
	return document
}

func TestTheLinesOfKongLeaveNoForgedHeader(t *testing.T) {
	lines := at(t, example(t, "kong/kong.yml"), "services", 1, "plugins", 1, "config", "access", 0).(string)
	left := runLua(t, forgedHeaders(), luaKong, lines, " end run()\n")
	require.Equal(t, map[string]string{
		"accept": "kept", "x-app-version": "kept+twice", "x-user-id": "alice", "x-app-id": "app", "x-session-id": "session",
	}, left)

	many := forgedHeaders()
	for i := range 1000 {
		many["a"+strings.Repeat("b", i)] = []string{"1"}
	}
	require.Contains(t, runLua(t, many, luaKong, lines, " end run()\n"), "exit", "what Kong does not read is refused as a whole")
}

func TestTheLinesOfAPISIXLeaveNoForgedHeader(t *testing.T) {
	lines := at(t, example(t, "apisix/apisix.yaml"), "routes", 1, "plugins", "serverless-pre-function", "functions", 0).(string)
	for upgrade, want := range map[string]map[string]string{
		"websocket": {"upgrade": "websocket", "connection": "Upgrade"}, "WebSocket": {"upgrade": "WebSocket", "connection": "Upgrade"},
		"h2c": {}, "websocket, h2c": {}, "h2c, websocket": {}, "": {},
	} {
		headers := forgedHeaders()
		headers["connection"] = []string{"Upgrade, x-user-id, HTTP2-Settings"}
		if upgrade != "" {
			headers["upgrade"] = []string{upgrade}
		}
		want["accept"], want["x-app-version"] = "kept", "kept+twice"
		require.Equal(t, want, runLua(t, headers, luaAPISIX, lines, " end load()({}, {})\n"), upgrade)
	}
	headers := forgedHeaders()
	headers["upgrade"] = []string{"websocket", "h2c"}
	require.NotContains(t, runLua(t, headers, luaAPISIX, lines, " end load()({}, {})\n"), "upgrade")
}

func TestTheLinesOfEnvoyLeaveNoOddName(t *testing.T) {
	filters := at(t, example(t, "envoy/envoy.yaml"), "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config", "http_filters")
	lines := at(t, filters, 0, "typed_config", "default_source_code", "inline_string").(string)
	headers := forgedHeaders()
	headers[":path"] = []string{"/"}
	left := runLua(t, headers, luaEnvoy, lines, "\nenvoy_on_request({ headers = function() return headers end })\n")
	removed := map[string]bool{}
	for _, m := range at(t, filters, 1, "typed_config", "mutations", "request_mutations").([]any) {
		removed[m.(map[string]any)["remove"].(string)] = true
	}
	for name := range left { // what the next filter removes
		if removed[name] {
			delete(left, name)
		}
	}
	require.Equal(t, map[string]string{":path": "/", "accept": "kept", "x-app-version": "kept+twice"}, left)
}
