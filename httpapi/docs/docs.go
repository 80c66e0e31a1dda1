// Package docs serves the OpenAPI document and a page that displays it: /openapi.yaml, /openapi.json,
// /docs, /docs.js, /docs.css and /docs.zh.json.
//
// The caller passes the document as bytes. The page is rendered from it in the browser, so the two cannot differ. The page loads
// nothing from another origin and allows no inline script.
package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The page's files are built from the folder console/apidocs of this repository by
// `make console`.
//
//go:generate ../../console/build.sh apidocs page

//go:embed page/index.html
var page []byte

//go:embed page/docs.js
var script []byte

//go:embed page/docs.css
var style []byte

// chinese is a list of pairs: a text of the document, and the same in Chinese.
//
//go:embed zh.yaml
var chinese []byte

// policy lets the page load this origin's own script, style and document. The icon is an empty data: address, which spares
// the browser's request for /favicon.ico.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type asset struct {
	contentType string
	policy      string
	body        func() (body []byte, etag string, err error)
}

// Site answers for the six paths. It is safe for concurrent use.
type Site struct {
	assets map[string]asset
}

// New returns the site for a document in YAML. Nothing is read or converted before the first request for it, so that the
// start of the service does not wait for it; a document that cannot be converted is then answered 500 at /openapi.json.
func New(spec []byte) *Site {
	return &Site{assets: map[string]asset{
		"/docs":         {contentType: "text/html; charset=utf-8", policy: policy, body: once(page, nil)},
		"/docs.js":      {contentType: "text/javascript; charset=utf-8", body: once(script, nil)},
		"/docs.css":     {contentType: "text/css; charset=utf-8", body: once(style, nil)},
		"/docs.zh.json": {contentType: "application/json", body: once(chinese, ToJSON)},
		"/openapi.yaml": {contentType: "application/yaml", body: once(spec, nil)}, // RFC 9512
		"/openapi.json": {contentType: "application/json", body: once(spec, ToJSON)},
	}}
}

// Paths lists what the site answers, sorted: the routes to mount it on, for GET.
func (s *Site) Paths() []string {
	paths := make([]string, 0, len(s.assets))
	for p := range s.assets {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// ServeHTTP answers one of Paths with 200, or with 304 when the caller's If-None-Match names what it has already; any other path is
// 404 with an empty body, which the one who mounts the site prevents.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, etag, err := a.body()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	// Asked for again each time, so that a page never meets the script of another release.
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", etag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", a.contentType)
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
		h.Set("Referrer-Policy", "no-referrer")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // compares If-None-Match with the ETag
}

// once converts a body and names it by its digest, at the first request for it.
func once(raw []byte, convert func([]byte) ([]byte, error)) func() ([]byte, string, error) {
	var (
		do   sync.Once
		body []byte
		etag string
		err  error
	)
	return func() ([]byte, string, error) {
		do.Do(func() {
			body = raw
			if convert != nil {
				if body, err = convert(raw); err != nil {
					return
				}
			}
			sum := sha256.Sum256(body)
			etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		})
		return body, etag, err
	}
}
