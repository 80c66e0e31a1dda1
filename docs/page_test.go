package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// page is a page of Markdown, taken apart as far as both languages must agree.
type page struct {
	name     string
	lines    int
	headings []heading
	blocks   []block
	tables   []table
	// links are the targets of links and pictures, without the language.
	links []link
}

type heading struct {
	level int
	// id is the anchor: the one in {#…}, or GitHub's of the text.
	id string
}

// block is a fenced block of code.
type block struct {
	line     int
	language string
	code     []string
}

// table has the cells of its rows, the head included.
type table struct {
	line int
	rows [][]string
}

type link struct {
	line   int
	target string
}

var (
	fence       = regexp.MustCompile("^\\s*```(.*)$")
	headingLine = regexp.MustCompile(`^(#{1,6}) (.+?)(?:\s+\{#([^}]+)\})?$`)
	linkTarget  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	cellBorder  = regexp.MustCompile(`\|`)
	codeSpan    = regexp.MustCompile("`[^`]+`")
)

func readPage(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	p := page{name: name, lines: len(lines)}
	ids := map[string]int{}
	var open *block
	inTable := false
	for i, line := range lines {
		if open != nil {
			if fence.MatchString(line) {
				p.blocks = append(p.blocks, *open)
				open = nil
			} else {
				open.code = append(open.code, line)
			}
			continue
		}
		if m := fence.FindStringSubmatch(line); m != nil {
			open = &block{line: i + 1, language: strings.TrimSpace(m[1])}
			inTable = false
			continue
		}
		if m := headingLine.FindStringSubmatch(line); m != nil {
			p.headings = append(p.headings, heading{len(m[1]), unique(ids, anchor(m[2], m[3]))})
		}
		if strings.HasPrefix(line, "|") {
			if !inTable {
				p.tables = append(p.tables, table{line: i + 1})
			}
			last := &p.tables[len(p.tables)-1]
			last.rows = append(last.rows, cells(line))
		}
		inTable = strings.HasPrefix(line, "|")
		for _, m := range linkTarget.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "``"), -1) {
			p.links = append(p.links, link{i + 1, m[1]})
		}
	}
	require.Nil(t, open, "%s: a block of code does not end", name)
	return p
}

func anchor(text, explicit string) string {
	if explicit != "" {
		return explicit
	}
	return slug(text)
}

// slug is GitHub's anchor of a heading.
func slug(text string) string {
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(text)) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '_', r == '-':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}

// unique numbers an anchor that the page has already, as GitHub does.
func unique(ids map[string]int, id string) string {
	n := ids[id]
	ids[id]++
	if n == 0 {
		return id
	}
	return fmt.Sprintf("%s-%d", id, n)
}

// cells splits a row of a table. A | in code is written \|.
func cells(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(row), "|"), "|")
	row = strings.ReplaceAll(row, `\|`, "\x00")
	all := cellBorder.Split(row, -1)
	for i, cell := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", `\|`))
	}
	return all
}

var (
	lineComment  = regexp.MustCompile(`(^|\s)(//|#|--) .*$`)
	rangeComment = regexp.MustCompile(`/\*.*?\*/|<!--.*?-->`)
	chinese      = regexp.MustCompile(`\p{Han}`)
)

// program is the block without comments, which may be in the reader's language.
// Of a diagram, whose labels are, it is the arrows.
func (b block) program() []string {
	var out []string
	for _, line := range b.code {
		if b.language == "mermaid" {
			out = append(out, strings.Join(arrow.FindAllString(line, -1), " "))
			continue
		}
		line = rangeComment.ReplaceAllString(line, "")
		line = strings.TrimRight(lineComment.ReplaceAllString(line, ""), " \t")
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

var arrow = regexp.MustCompile(`-->>|->>|--x|-->|--|participant|Note|sequenceDiagram|flowchart|subgraph|end$`)

// figures are the numbers and the code of a cell: what no language changes.
func figures(cell string) []string {
	found := codeSpan.FindAllString(cell, -1)
	rest := codeSpan.ReplaceAllString(linkTarget.ReplaceAllString(cell, "]"), " ")
	for _, m := range number.FindAllStringSubmatch(rest, -1) {
		figure := strings.ReplaceAll(m[1], ",", "")
		if n, err := strconv.ParseFloat(figure, 64); err == nil {
			figure = strconv.FormatFloat(n*unit[m[2]], 'f', -1, 64)
		}
		found = append(found, figure)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// number is a figure, and the unit by which languages count differently.
var (
	number = regexp.MustCompile(`(\d[\d,.–]*\d|\d)(?: ?(million|万|亿))?`)
	unit   = map[string]float64{"": 1, "万": 1e4, "million": 1e6, "亿": 1e8}
)
