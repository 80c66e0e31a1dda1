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

// CheckUpstreams returns an error for the first invalid upstream.
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

// CheckPublic returns an error for the first invalid public path.
func CheckPublic(list []string) error {
	for _, path := range list {
		if !strings.HasPrefix(path, "/") || !plain(path) {
			return fmt.Errorf("the public path %q is not a plain path that begins with /", path)
		}
	}
	return nil
}

// check returns an error if the upstream is invalid.
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

// plain reports whether all servers interpret a decoded path alike, including those
// that apply Unicode compatibility normalization (NFKC), which turns U+FF0F into "/"
// and U+2025 into "..".
func plain(path string) bool {
	compatible := norm.NFKC.String(path)
	return straight(path) && straight(compatible) &&
		strings.Count(path, "/") == strings.Count(compatible, "/") && !strings.Contains(compatible, "//") && !strings.ContainsAny(compatible, `%\;`)
}

// decodedMost is how often a path is decoded for the checks. No honest client
// encodes a path so often.
const decodedMost = 4

// straight reports whether a decoded path is valid UTF-8 without "." and ".."
// segments and without control characters, even if it is decoded again. An upstream
// that resolves such segments would serve a path outside its own; some servers drop
// control characters or read bytes that are not UTF-8 as "." or "/". Decoding twice
// is a fault of the upstream, but no honest client sends such a path.
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

// leadsUp reports whether some server reads a segment as "." or "..": some read "\"
// as "/", some ignore what follows ";" in a segment, and some trim blanks.
func leadsUp(path string) bool {
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		if dots := strings.TrimFunc(name, unicode.IsSpace); dots == "." || dots == ".." {
			return true
		}
	}
	return false
}

// decode decodes %XX, and the %uXXXX of some servers, in a path. It leaves invalid
// escapes unchanged.
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
