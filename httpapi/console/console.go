// Package console serves the page for support and operators at /console/. Its files
// are built from the folder console of this repository by `make console` and
// embedded. The page loads nothing from another origin.
//
// The package contains no logic: the page asks for a key, keeps it in its tab, and
// calls the admin API with it. The files contain nothing secret.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:generate ../../console/build.sh console page

//go:embed page
var page embed.FS

// Path is where the page is; its files are below.
const Path = "/console/"

// policy lets the page load and call its own origin and nothing else, allows
// nothing inline, and keeps text from becoming markup even by mistake (Trusted
// Types). It has no cookies and no frames, so neither CSRF nor clickjacking.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// files are those of the page, by what they are served as. Types are fixed here
// because package mime asks the machine, and machines differ.
var files = map[string]string{
	"index.html":  "text/html; charset=utf-8",
	"console.js":  "text/javascript; charset=utf-8",
	"console.css": "text/css; charset=utf-8",
	"icon.svg":    "image/svg+xml",
}

type file struct {
	contentType, etag string
	body              []byte
}

// Site answers for the files. It is safe for concurrent use.
type Site struct{ files func() map[string]file }

// New makes the site. Nothing is read before the first request for it.
func New() *Site { return &Site{sync.OnceValue(read)} }

func read() map[string]file {
	out := map[string]file{}
	for name, contentType := range files {
		body, err := page.ReadFile("page/" + name)
		if err != nil {
			panic("console: " + err.Error()) // the build embeds them, and every test would show it
		}
		sum := sha256.Sum256(body)
		f := file{contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
		out[at(name)] = f
	}
	return out
}

// at is the path of a file.
func at(name string) string { return Path + strings.TrimSuffix(name, "index.html") }

// Paths lists what the site answers, sorted: the routes to mount it on, for GET.
func (*Site) Paths() []string {
	var paths []string
	for name := range files {
		paths = append(paths, at(name))
	}
	slices.Sort(paths)
	return paths
}

// ServeHTTP answers one of Paths with 200, or with 304 where the caller has the
// file already; any other path is 404.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files()[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h := w.Header()
	// Asked for again each time, so that a page never meets the script of another release.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body)) // compares If-None-Match with the ETag
}
