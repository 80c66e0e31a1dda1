package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// instead maps words that Chinese texts avoid to the glossary's.
var instead = map[string]string{
	"应答": "响应", "替身": "模拟服务", "掉登录": "登录态失效", "掉线": "登录态失效", "设置": "配置", "登陆": "登录", "帐号": "账号",
	"续期": "刷新", "兑换": "轮换", "撤销会话": "吊销会话", "存取令牌": "访问令牌", "更新令牌": "刷新令牌", "服务器端": "服务端", "请求编号": "请求 id",
}

var (
	// Buttons of WeChat's developer tools.
	quotedNames = strings.NewReplacer("本地设置", "")
	// Code, the targets of links and the anchors of headings are not prose.
	inlineCode = regexp.MustCompile("`[^`]*`")
	notProse   = regexp.MustCompile(`\]\([^)]*\)|\s*\{#[^}]*\}|https?://\S+`)
	crowded    = regexp.MustCompile("\\p{Han}[A-Za-z0-9`]|[A-Za-z0-9%`]\\p{Han}")
	halfWide   = regexp.MustCompile(`\p{Han}[,;:!?]|[,;:!?] ?\p{Han}|\p{Han}\(|\)\p{Han}`)
)

// Chinese prose uses the words of the glossary, full-width punctuation, and a space
// between Chinese and Latin letters, digits or code.
func TestChinesePagesKeepToTheGlossaryAndToOneWayOfWriting(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("zh/*.md")
	require.NoError(t, err)
	for _, file := range append(files, "../README.zh-CN.md", "../client/README.zh-CN.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		fenced, front := false, false
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if line == "---" {
				front = !front
			}
			if fenced || front {
				continue
			}
			prose := notProse.ReplaceAllString(inlineCode.ReplaceAllString(quotedNames.Replace(line), "`x`"), "]")
			for word, better := range instead {
				assert.NotContains(t, prose, word, "%s:%d: say %s", file, i+1, better)
			}
			assert.NotRegexp(t, crowded, prose, "%s:%d: a space between Chinese and Latin", file, i+1)
			assert.NotRegexp(t, halfWide, prose, "%s:%d: full-width punctuation", file, i+1)
		}
	}
}

// The texts of the console, the API page and the playground.
func TestChineseTextsKeepToTheGlossary(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"../console/src/zh.ts", "../console/apidocs/src/words.ts", "../httpapi/docs/zh.yaml", "../internal/playground/src/text.ts"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for word, better := range instead {
			if word == "设置" { // "not set", which is no setting
				continue
			}
			assert.NotContains(t, string(text), word, "%s: say %s", file, better)
		}
	}
}
