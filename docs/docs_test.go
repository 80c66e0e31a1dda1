// Package docs_test holds the documentation to itself: both languages say the same,
// and every link leads somewhere. What the pages say of the program is tested
// beside the program.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages returns the names of a language's pages.
func pages(t *testing.T, language string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(language, "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	slices.Sort(files)
	return files
}

func TestBothLanguagesHaveTheSamePages(t *testing.T) {
	t.Parallel()
	require.Equal(t, pages(t, "en"), pages(t, "zh"), "docs/en and docs/zh: a change to one is a change to both")
}

// pairs are the pages that say the same, English first.
func pairs(t *testing.T) [][2]string {
	t.Helper()
	all := [][2]string{{"../README.md", "../README.zh-CN.md"}, {"../client/README.md", "../client/README.zh-CN.md"}}
	for _, name := range pages(t, "en") {
		all = append(all, [2]string{filepath.Join("en", name), filepath.Join("zh", name)})
	}
	return all
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	t.Parallel()
	for _, pair := range pairs(t) {
		t.Run(strings.TrimSuffix(filepath.Base(pair[0]), ".md"), func(t *testing.T) {
			t.Parallel()
			en, zh := readPage(t, pair[0]), readPage(t, pair[1])
			sameHeadings(t, en, zh)
			sameCode(t, en, zh)
			sameTables(t, en, zh)
			sameLinks(t, en, zh)
		})
	}
}

// Titles have no anchor that anything links to. A README's headings, which GitHub
// alone shows, have that of their own text.
func sameHeadings(t *testing.T, en, zh page) {
	t.Helper()
	if assert.Len(t, zh.headings, len(en.headings), "%s has other headings than %s", zh.name, en.name) {
		for i, want := range en.headings {
			got := zh.headings[i]
			assert.Equal(t, want.level, got.level, "%s: the level of heading %d (%s)", zh.name, i+1, want.id)
			if want.level > 1 && !strings.HasPrefix(en.name, "../") {
				assert.Equal(t, want.id, got.id, "%s: heading %d needs {#%s} at its end", zh.name, i+1, want.id)
			}
		}
	}
}

func sameCode(t *testing.T, en, zh page) {
	t.Helper()
	if !assert.Len(t, zh.blocks, len(en.blocks), "%s has other blocks of code than %s", zh.name, en.name) {
		return
	}
	for i, want := range en.blocks {
		got := zh.blocks[i]
		assert.Equal(t, want.language, got.language, "%s:%d: the language of the block", zh.name, got.line)
		assert.Equal(t, want.program(), got.program(), "%s:%d: the code differs from %s:%d", zh.name, got.line, en.name, want.line)
		for _, line := range want.code {
			if want.language != "xml" && want.language != "go" && want.language != "js" && want.language != "sh" {
				assert.False(t, chinese.MatchString(line), "%s:%d: Chinese in %q", en.name, want.line, line)
			}
		}
	}
}

func sameTables(t *testing.T, en, zh page) {
	t.Helper()
	if !assert.Len(t, zh.tables, len(en.tables), "%s has other tables than %s", zh.name, en.name) {
		return
	}
	for i, want := range en.tables {
		got := zh.tables[i]
		if !assert.Len(t, got.rows, len(want.rows), "%s:%d: the table has other rows than %s:%d", zh.name, got.line, en.name, want.line) {
			continue
		}
		for r, row := range want.rows {
			if !assert.Len(t, got.rows[r], len(row), "%s:%d: the number of cells", zh.name, got.line+r) {
				continue
			}
			for c, cell := range row {
				assert.Equal(t, figures(cell), figures(got.rows[r][c]), "%s:%d, cell %d: the figures and the code", zh.name, got.line+r, c+1)
			}
		}
	}
}

func sameLinks(t *testing.T, en, zh page) {
	t.Helper()
	targets := func(p page) []string {
		out := make([]string, len(p.links))
		for i, l := range p.links {
			out[i] = languageOf.ReplaceAllString(l.target, "$1")
		}
		slices.Sort(out)
		return out
	}
	assert.Equal(t, targets(en), targets(zh), "%s links to something else than %s", zh.name, en.name)
}

// languageOf is what differs in the address of the same thing: the README of the
// language, the folder, a picture with text, the language of the site's pages.
var languageOf = regexp.MustCompile(`(^|/main/)docs/(?:zh|en)/|\.zh-CN|-zh|-en`)

// Links of pages, of the READMEs and of the papers for contributors.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	var files []string
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "dist" || d.Name() == "miniprogram_npm") {
			return fs.SkipDir
		}
		if strings.HasSuffix(d.Name(), ".md") {
			files = append(files, path)
		}
		return nil
	}))
	require.Greater(t, len(files), 80)
	anchors := map[string][]string{}
	for _, file := range files {
		for _, h := range readPage(t, file).headings {
			anchors[file] = append(anchors[file], h.id)
		}
	}
	for _, file := range files {
		for _, l := range readPage(t, file).links {
			if regexp.MustCompile(`^[a-z]+:`).MatchString(l.target) {
				continue
			}
			path, id, _ := strings.Cut(l.target, "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			_, err := os.Stat(target)
			if assert.NoError(t, err, "%s:%d links to %s", file, l.line, l.target) && id != "" && strings.HasSuffix(target, ".md") {
				assert.Contains(t, anchors[target], id, "%s:%d links to %s", file, l.line, l.target)
			}
		}
	}
}

func TestNoPageIsLongerThan300Lines(t *testing.T) {
	t.Parallel()
	for _, pair := range pairs(t) {
		for _, name := range pair {
			assert.LessOrEqual(t, readPage(t, name).lines, 300, name)
		}
	}
}

// The sidebar of the site names each page once.
func TestTheSiteLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(".vitepress/pages.mts")
	require.NoError(t, err)
	listed := []string{"index.md"}
	for _, m := range regexp.MustCompile(`(?m)^ +\['([a-z0-9-]+)', '`).FindAllStringSubmatch(string(config), -1) {
		listed = append(listed, m[1]+".md")
	}
	slices.Sort(listed)
	require.Equal(t, pages(t, "en"), listed, "docs/.vitepress/pages.mts")
}

// A figure that one language writes in digits the other may write as a word, but a
// number of two digits or more in English is in the Chinese page, too.
func TestBothLanguagesNameTheSameFigures(t *testing.T) {
	t.Parallel()
	for _, pair := range pairs(t) {
		var found [2][]string
		for i, name := range pair {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for line := range strings.SplitSeq(string(text), "\n") {
				found[i] = append(found[i], figures(line)...)
			}
		}
		for _, figure := range found[0] {
			if len(figure) > 1 && !strings.HasPrefix(figure, "`") {
				assert.Contains(t, found[1], figure, "%s lacks a figure of %s", pair[1], pair[0])
			}
		}
	}
}

func TestBothLanguagesNameTheSameSettings(t *testing.T) {
	t.Parallel()
	setting := regexp.MustCompile(`\b(?:WUGAN|OTEL)_[A-Z_]+\b`)
	for _, pair := range pairs(t) {
		var found [2][]string
		for i, name := range pair {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			found[i] = setting.FindAllString(string(text), -1)
			slices.Sort(found[i])
			found[i] = slices.Compact(found[i])
		}
		assert.Equal(t, found[0], found[1], pair[1])
	}
}
