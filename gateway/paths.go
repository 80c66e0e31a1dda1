package gateway

import (
	"fmt"
	"net/url"
	"strings"
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

// covers tells whether a path is pattern, or below it where it ends with "/".
func covers(pattern, path string) bool {
	return path == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
}

// isPublic tells whether a path needs no token. Only a path of which nobody can
// make another one is public: an upstream that decodes once more, folds "//", or
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

// plain tells whether a decoded path means the same to every reader.
func plain(path string) bool {
	return straight(path) && !strings.Contains(path, "//") && !strings.ContainsAny(path, "%\\;\x00\r\n")
}

// straight tells whether a decoded path has no segments that lead up or stay:
// an upstream that resolves them would answer for a path outside of its own.
// Some read "\" as "/", and some forget what follows ";" in a segment.
func straight(path string) bool {
	if !strings.ContainsAny(path, ".%") {
		return true
	}
	for {
		for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
			if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
				return false
			}
		}
		// To decode a second time is the upstream's fault, and yet no client of
		// ours sends what would then lead up.
		decoded, err := url.PathUnescape(path)
		if err != nil || decoded == path {
			return true
		}
		path = decoded
	}
}
