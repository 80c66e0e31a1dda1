package gateway

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// CheckUpstreams reports the first upstream that is wrong.
func CheckUpstreams(list []Upstream) error {
	paths := map[string]bool{}
	for _, u := range list {
		if err := u.check(); err != nil {
			return err
		}
		if paths[u.Path] {
			return fmt.Errorf("the path %s has two upstreams", u.Path)
		}
		paths[u.Path] = true
	}
	return nil
}

// CheckPublic reports the first public path that is wrong.
func CheckPublic(list []string) error {
	for _, path := range list {
		if !strings.HasPrefix(path, "/") || !plain(path) {
			return fmt.Errorf("the public path %q is not a plain path that begins with /", path)
		}
	}
	return nil
}

// check reports what is wrong with an upstream.
func (u Upstream) check() error {
	switch {
	case !strings.HasPrefix(u.Path, "/"), !strings.HasSuffix(u.Path, "/"), !plain(u.Path):
		return fmt.Errorf("the path %q is not a plain path that begins and ends with /", u.Path)
	case u.Target == nil, u.Target.Scheme != "http" && u.Target.Scheme != "https", u.Target.Host == "",
		u.Target.Path != "" && u.Target.Path != "/", u.Target.RawQuery != "", u.Target.User != nil:
		return fmt.Errorf("the upstream of %s is not an address of the form http://host:port", u.Path)
	}
	return nil
}

// find returns the index of the route with the longest path that fits, or -1.
func (g *Gateway) find(path string) int {
	for i := range g.routes {
		whole := g.routes[i].path
		if covers(whole, path) || path == whole[:len(whole)-1] {
			return i
		}
	}
	return -1
}

// covers reports whether a path is pattern, or below it where it ends with "/".
func covers(pattern, path string) bool {
	return path == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
}

// isPublic reports whether a path needs no token. Only a path that no server can
// read as another one is public: an upstream that decodes once more, folds "//", or
// reads "\" as "/" would answer /public//../private without a token.
func (g *Gateway) isPublic(u *url.URL) bool {
	path := u.Path
	if !plain(path) || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return false
	}
	for _, pattern := range g.public {
		if covers(pattern, path) {
			return true
		}
	}
	return false
}

// plain reports whether a decoded path means the same to every reader, those
// included that put Unicode's compatible forms (NFKC) in place of the characters
// themselves: U+FF0F becomes "/", and U+2025 "..".
func plain(path string) bool {
	compatible := norm.NFKC.String(path)
	return straight(path) && straight(compatible) &&
		strings.Count(path, "/") == strings.Count(compatible, "/") && !strings.Contains(compatible, "//") && !strings.ContainsAny(compatible, `%\;`)
}

// decodedMost is how often a path is decoded to see what it may become. No
// honest client encodes one as often.
const decodedMost = 4

// straight reports whether a decoded path has no segments that lead up or stay,
// no control characters and nothing but UTF-8, however often it is decoded
// again. An upstream that resolves such segments would answer for a path outside
// of its own, and some readers drop control characters, or take bytes that are
// not UTF-8 for "." or "/". To decode a second time is the upstream's fault, and
// yet no client of ours sends what would then lead up.
func straight(path string) bool {
	if !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' || r == '%' }) {
		return true
	}
	for range decodedMost {
		if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) || leadsUp(path) {
			return false
		}
		decoded := decode(path)
		if decoded == path {
			return true
		}
		path = decoded
	}
	return false
}

// leadsUp reports whether a segment is "." or "..". Some read "\" as "/", some
// forget what follows ";" in a segment, and some drop blanks at its ends.
func leadsUp(path string) bool {
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		if dots := strings.TrimFunc(name, unicode.IsSpace); dots == "." || dots == ".." {
			return true
		}
	}
	return false
}

// decode decodes what can be decoded of a path, %XX and the %uXXXX of some
// servers, and leaves the rest as it is.
func decode(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var out strings.Builder
	for len(path) > 0 {
		if code, err := strconv.ParseUint(cut(path, "%", 2), 16, 8); err == nil {
			out.WriteByte(byte(code))
			path = path[3:]
		} else if code, err := strconv.ParseUint(cut(path, "%u", 4), 16, 16); err == nil {
			out.WriteRune(rune(code))
			path = path[6:]
		} else {
			out.WriteByte(path[0])
			path = path[1:]
		}
	}
	return out.String()
}

// cut returns the n bytes that follow a prefix, or "".
func cut(path, prefix string, n int) string {
	if rest, ok := strings.CutPrefix(path, prefix); ok && len(rest) >= n {
		return rest[:n]
	}
	return ""
}
